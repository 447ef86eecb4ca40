"""The networks that trace maps learn, from maps simulated of known structures."""
