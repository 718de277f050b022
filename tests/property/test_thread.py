"""THREAD beside a naive model that does what RFC 5256 §3 says, step by step, with walks and recursion."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from lightmail._core.index import KeyCache, OrderRun, Snapshot, UidSet
from tests.unit.core_index.rows import summaries


@dataclass(frozen=True)
class Message:
    id: int | None
    references: tuple[int, ...]
    replied: int | None
    subject: str
    reply: bool
    sent: int

    def header(self) -> bytes:
        lines = [f"Subject: {'Re: ' if self.reply else ''}{self.subject}"]
        if self.id is not None:
            lines.append(f"Message-ID: <{self.id}@x>")
        if self.references:
            lines.append("References: " + " ".join(f"<{id}@x>" for id in self.references))
        if self.replied is not None:
            lines.append(f"In-Reply-To: <{self.replied}@x>")
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    @property
    def ancestry(self) -> tuple[int, ...]:
        return self.references or (() if self.replied is None else (self.replied,))


@dataclass(eq=False)
class Node:
    uid: int = 0
    """0: a dummy."""
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def below(self, other: Node) -> bool:
        """Whether `other` is this one or above it."""
        node: Node | None = self
        while node is not None and node is not other:
            node = node.parent
        return node is not None

    def hang(self, parent: Node | None) -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)


class Model:
    def __init__(self, mailbox: list[Message]) -> None:
        self.mailbox = mailbox
        self.roots: list[Node] = []

    def message(self, node: Node) -> Message:
        return self.mailbox[(node.uid or node.children[0].uid) - 1]

    def when(self, node: Node) -> tuple[int, int]:
        return self.message(node).sent, node.uid or node.children[0].uid

    def link(self) -> None:
        """Steps 1 to 3."""
        nodes: dict[int, Node] = {}
        every: list[Node] = []

        def known(id: int) -> Node:
            if id not in nodes:
                nodes[id] = Node()
                every.append(nodes[id])
            return nodes[id]

        for uid, message in enumerate(self.mailbox, start=1):
            last: Node | None = None
            for id in message.ancestry:
                node = known(id)
                if last is not None and node.parent is None and not last.below(node):
                    node.hang(last)
                last = node
            if message.id is None or (message.id in nodes and nodes[message.id].uid):
                node = Node()
                every.append(node)
            else:
                node = known(message.id)
            node.uid = uid
            node.hang(None)
            if last is not None and not last.below(node):
                node.hang(last)
        roots = [node for node in every if node.parent is None]
        self.roots = [kept for root in roots for kept in self.prune(root, at_root=True)]

    def prune(self, node: Node, *, at_root: bool = False) -> list[Node]:
        node.children = [kept for child in node.children for kept in self.prune(child)]
        if node.uid or (at_root and len(node.children) > 1):
            return [node]
        return node.children

    def sort(self, nodes: list[Node]) -> None:
        for node in nodes:
            self.sort(node.children)
        nodes.sort(key=self.when)

    def merge(self) -> None:
        """Steps 4 and 5."""
        for root in self.roots:
            if not root.uid:
                root.children.sort(key=self.when)
        self.roots.sort(key=self.when)
        table: dict[str, Node] = {}

        def reply(node: Node) -> bool:
            return node.uid > 0 and self.message(node).reply

        for root in self.roots:
            subject = self.message(root).subject.upper()
            if not subject:
                continue
            found = table.setdefault(subject, root)
            if found.uid and (not root.uid or (reply(found) and not reply(root))):
                table[subject] = root
        gone: list[Node] = []
        made: list[Node] = []
        for root in self.roots:
            subject = self.message(root).subject.upper()
            found = table.get(subject, root)
            if found is root:
                continue
            gone.append(root)
            if not found.uid and not root.uid:
                found.children += root.children
            elif not found.uid or (reply(root) and not reply(found)):
                found.children.append(root)
            else:
                gone.append(found)
                table[subject] = Node(children=[found, root])
                made.append(table[subject])
        self.roots = [root for root in self.roots + made if root not in gone]

    def newest(self, node: Node) -> tuple[int, int]:
        mine = [self.when(node)] if node.uid else []
        return max(mine + [self.newest(child) for child in node.children])

    def ordered_subject(self) -> None:
        threads: dict[str, list[Node]] = {}
        for uid, message in enumerate(self.mailbox, start=1):
            threads.setdefault(message.subject.upper(), []).append(Node(uid))
        for nodes in threads.values():
            nodes.sort(key=self.when)
            nodes[0].children = nodes[1:]
            self.roots.append(nodes[0])
        self.roots.sort(key=self.when)

    def threads(self, algorithm: str) -> str:
        if algorithm == "ORDEREDSUBJECT":
            self.ordered_subject()
        else:
            self.link()
            if algorithm == "REFERENCES":
                self.merge()
            self.sort(self.roots)
            if algorithm == "REFS":
                self.roots.sort(key=self.newest)
        return "".join(f"({written(root)})" for root in self.roots)


def written(node: Node) -> str:
    number = str(node.uid) if node.uid else ""
    if not node.children:
        return number
    blank = " " if number else ""
    if len(node.children) == 1:
        return number + blank + written(node.children[0])
    return number + blank + "".join(f"({written(child)})" for child in node.children)


ids = st.integers(0, 7)
messages = st.builds(
    Message,
    id=st.none() | ids,
    references=st.lists(ids, max_size=4).map(tuple),
    replied=st.none() | ids,
    subject=st.sampled_from(["", "a", "A", "b"]),
    reply=st.booleans(),
    sent=st.integers(1, 6),
)


@settings(max_examples=300)
@given(st.lists(messages, max_size=10), st.sampled_from(["REFERENCES", "REFS", "ORDEREDSUBJECT"]))
def test_the_same_threads(mailbox: list[Message], algorithm: str) -> None:
    rows = [f"{uid} 9 0 1 {uid} 50 0 0 {message.sent} 0\n" for uid, message in enumerate(mailbox, start=1)]
    view = Snapshot.load(["".join(rows)], keywords=[], uid_next=len(rows) + 1, highest_modseq=1)
    run = OrderRun(view, UidSet(range(1, len(rows) + 1)), with_keys=True)
    cache = summaries({uid: message.header() for uid, message in enumerate(mailbox, start=1)})
    run.use_summaries(cache, KeyCache(1 << 20))
    assert run.thread(algorithm).decode() == Model(mailbox).threads(algorithm)
