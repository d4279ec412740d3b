"""How long the answers are that are asked for, by what the path was seen to take [T-167]."""

from transfer.pull.datagrams import PACKET_BYTES, SMALL_PACKET_BYTES

LARGE_LOST = 3  # and then small answers come: a sign that the path takes no large ones,
SMALL_PROOFS = 3  # which counts at once, or after so many where large ones have come before


class PacketSize:
    """`packet`: the most bytes of the file in one answer. Where small ones come and large ones do not, it is small."""

    def __init__(self) -> None:
        self.packet = PACKET_BYTES
        self._large_lost = self._small_proofs = 0
        self._is_large_proven = False

    def lost(self, length: int) -> None:
        """An answer of so many bytes did not come."""
        self._large_lost += length > SMALL_PACKET_BYTES

    def arrived(self, length: int) -> None:
        """An answer of so many bytes came."""
        if length > SMALL_PACKET_BYTES:
            self._large_lost, self._small_proofs, self._is_large_proven = 0, 0, True
        elif self._large_lost >= LARGE_LOST:
            self._small_proofs += 1
            if self._small_proofs >= (SMALL_PROOFS if self._is_large_proven else 1):
                self.packet = SMALL_PACKET_BYTES

    def padded_open_lost(self) -> None:
        """The first open, which is long, had no answer, and a later one had."""
        if not self._is_large_proven:
            self.packet = SMALL_PACKET_BYTES
