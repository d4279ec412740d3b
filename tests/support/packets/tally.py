"""What came over one route of pull, datagram by datagram, and why."""

from tests.support.packets.simulated import PullWorld
from transfer.pull.datagrams import WIRE_BYTES, Data, Grant, read_answer
from transfer.pull.spans import Spans


class Tally:
    """Looks at all that arrives aboard, in bytes.

    head_bytes     heads of answers, and answers without bytes of the file
    copied_bytes   of an answer that came before: the air made a copy, or the last request went out twice
    again_bytes    of an answer to another request, for bytes that had come by then
    file_bytes     of the file, each once
    grants         how many opens were answered
    """

    def __init__(self, world: PullWorld) -> None:
        self.head_bytes = self.copied_bytes = self.again_bytes = self.file_bytes = self.grants = 0
        self._answers: set[tuple[int, int]] = set()
        self._came = Spans()
        world.between = self._look

    def _look(self, datagram: bytes) -> list[bytes]:
        answer = read_answer(datagram)
        length = len(answer.data) if isinstance(answer, Data) else 0
        self.head_bytes += len(datagram) + WIRE_BYTES - length
        self.grants += isinstance(answer, Grant)
        if isinstance(answer, Data):
            self._count(answer.number, answer.offset, length)
        return [datagram]

    def _count(self, number: int, offset: int, length: int) -> None:
        if (number, offset) in self._answers:
            self.copied_bytes += length
            return
        self._answers.add((number, offset))
        for start, end in list(self._came.missing_of(offset, offset + length)):
            self._came.add(start, end)
            self.file_bytes += end - start
            length -= end - start
        self.again_bytes += length
