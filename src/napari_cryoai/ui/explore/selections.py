"""Selected particles: how many, by which rule, under which names, and into which file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHeaderView,
    QInputDialog,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.explore import select_work as work
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, grid, row
from napari_cryoai.ui.kit.parts import button, counted
from napari_cryoai.ui.kit.path_field import PathField
from napari_cryoai.ui.latent.session import LatentSession

HOWS = {
    "replace": "becomes the selection",
    "add": "is added to it",
    "subtract": "is taken away from it",
    "intersect": "is all that stays of it",
}


class SelectionPanel(QWidget):
    """Particles of the session that are selected.

    Parameters
    ----------
    say
        Puts up a message.
    """

    def __init__(
        self,
        session: LatentSession,
        background: Background,
        say: Callable[..., object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.background, self.say = session, background, say
        self.count = QLabel(self)
        self.rule = QLineEdit(self)
        self.rule.setPlaceholderText("z1 > 0.5 and uncertainty < 0.2")
        self.rule.setAccessibleName("Rule")
        self.rule.setToolTip("Select by columns; Enter applies it")
        self.rule.returnPressed.connect(self.apply_rule)
        self.how = QComboBox(self)
        self.how.addItems(list(HOWS.values()))
        self.how.setAccessibleName("How a rule or a name changes the selection")
        self.named = QTreeWidget(self)
        self.named.setHeaderLabels(["Name", "Particles"])
        self.named.setRootIsDecorated(False)
        self.named.header().setStretchLastSection(False)
        self.named.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.named.setFixedHeight(112)
        self.named.setAccessibleName("Named selections")
        self.named.itemDoubleClicked.connect(lambda _item, _column: self.choose())
        self.named.itemSelectionChanged.connect(self._refresh_buttons)
        self._build()
        session.opened.connect(self._on_opened)
        session.selection_changed.connect(self.refresh)
        self.refresh()

    # What the user does -------------------------------------------------------------------------

    def apply_rule(self) -> None:
        """Select the particles for which the rule holds, in a thread."""
        if self.session.source is None or not self.rule.text().strip():
            return
        rule, how = self.rule.text(), self._how()
        task = partial(work.where, self.session.source, self.session.columns.named_in(rule), rule)
        self.background.submit(task, lambda mask: self._select(mask, how, rule))

    def choose(self) -> None:
        """Take the named selection that is marked."""
        if (name := self._marked()) is not None:
            self.session.selections.choose(name, self._how())

    def ask_name(self) -> None:
        """Give the selection a name."""
        proposed = f"state {len(self.session.selections.names) + 1}"
        name, said = QInputDialog.getText(self, "Name", "Name of the selection:", text=proposed)
        if said:
            self.keep(name)

    def keep(self, name: str) -> None:
        """Give the selection a name."""
        try:
            self.session.selections.keep(name)
        except CryoAIError as error:
            self.say(str(error), "error")

    def ask_rename(self) -> None:
        """Call the marked one something else."""
        if (name := self._marked()) is None:
            return
        new, said = QInputDialog.getText(self, "Rename", "Name of the selection:", text=name)
        if said:
            try:
                self.session.selections.rename(name, new)
            except CryoAIError as error:
                self.say(str(error), "error")

    def delete(self) -> None:
        """Forget the marked one."""
        if (name := self._marked()) is not None:
            self.session.selections.delete(name)

    def go_there(self) -> None:
        """Put the cursor at the mean of the selection."""
        if self.session.selections.count:
            mean = self.session.model.table.mean[self.session.selections.current]
            self.session.move_to(mean.mean(0))

    def ask_export(self) -> None:
        """Choose where the selected particles are written."""
        start = str(work.proposed(self.session.source))
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the selected particles", start, work.FILTER
        )
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the selected particles, in a thread; the count on screen is the count written."""
        if self.session.source is None:
            return
        mask = self.session.selections.current
        original = self.original.path()
        task = partial(work.export, self.session.source, mask, path, original)
        self.export_button.setEnabled(False)
        self.background.submit(task, self._exported, self._not_exported)

    # --------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """As the session has it."""
        there = self.session.source is not None
        self.setEnabled(there)
        if not there:
            return
        selections, n = self.session.selections, len(self.session.model.table)
        self.count.setText(f"<b>{selections.count:,}</b> of {counted(n, 'particle')} selected")
        marked = self._marked()
        self.named.clear()
        for name, count in selections.counts().items():
            item = QTreeWidgetItem([name, f"{count:,}"])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight)
            self.named.addTopLevelItem(item)
            if name == marked:
                self.named.setCurrentItem(item)
        self._refresh_buttons()

    def _build(self) -> None:
        doc = self._document
        tops = [
            button("All", lambda: doc("select_all"), tip="Select all particles  [Ctrl+A]"),
            button("None", lambda: doc("clear"), tip="Select nothing  [Ctrl+Shift+A]"),
            button("Invert", lambda: doc("invert"), tip="Select the others  [Ctrl+I]"),
            button("Go there", self.go_there, tip="The cursor to the mean of the selection"),
        ]
        self.export_button = button(
            "Export particles…", self.ask_export, icon="save", primary=True,
            tip="As .star or .cs with all their columns, or as indices",
        )  # fmt: skip
        self.original = PathField(
            "File of the particles before binning: their rows, at their size, are written",
            work.ORIGINALS,
            self,
            empty="none: rows of the file trained on",
        )
        self.name_button = button("Name it…", self.ask_name, tip="Keep the selection  [Ctrl+N]")
        self.take = button("Take", self.choose, tip="Also with a double click")
        self.rename = button("Rename…", self.ask_rename)
        self.remove = button("Delete", self.delete)
        column(
            self.count,
            row(*tops),
            grid(("Where", self.rule), ("What is found", self.how), stretch=(1,)),
            self.named,
            row(self.name_button, self.take, self.rename, self.remove),
            row("Originals", (self.original, 1)),
            self.export_button,
            of=self,
            spacing=6,
        )

    def _on_opened(self) -> None:
        self.original.text.clear()  # those of other particles
        self.refresh()

    def _document(self, action: str) -> None:
        if self.session.source is not None:
            getattr(self.session.selections, action)()

    def _select(self, mask: Any, how: Any, rule: str) -> None:
        self.session.selections.select(mask, how, f"Where {rule}")

    def _how(self) -> Any:
        return list(HOWS)[self.how.currentIndex()]

    def _marked(self) -> str | None:
        items = self.named.selectedItems()
        return str(items[0].text(0)) if items else None

    def _refresh_buttons(self) -> None:
        marked = self._marked() is not None
        for widget in (self.take, self.rename, self.remove):
            widget.setEnabled(marked)
        some = self.session.source is not None and self.session.selections.count > 0
        self.name_button.setEnabled(some)
        self.export_button.setEnabled(some)

    def _exported(self, words: str) -> None:
        self._refresh_buttons()
        self.say(words)

    def _not_exported(self, error: CryoAIError) -> None:
        self._refresh_buttons()
        self.say(str(error), "error")
