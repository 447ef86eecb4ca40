"""What all panels are made of: forms, jobs, colours, keys, small widgets."""
