"""Which heads of HTTP answers are taken for a range, and how much of a body is read."""

import io

import pytest
from urllib3 import HTTPResponse

from transfer.errors import BadAnswer
from transfer.links.http_answers import accept, whole_file


def response(body: bytes = b"", **headers: str) -> HTTPResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(io.BytesIO(body), fields, status=206, preload_content=False)


def test_a_range_is_read_to_its_end_and_no_further() -> None:
    """[T-14]"""
    answer = accept(response(b"0123456789", Content_Range="bytes 100-104/5000"), 100, 10)
    assert answer.total_bytes == 5000
    assert answer.read(3) == b"012" and answer.read(9) == b"34" and answer.read(9) == b""


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "does not say which bytes"),
        ("bytes 100-104/*", "does not say which bytes"),
        ("bytes 99-104/5000", "was asked for bytes 100-109"),
        ("bytes 100-110/5000", "was asked for bytes 100-109"),
        ("bytes 100-104/104", "was asked for bytes 100-109"),
        ("bytes 100-99/5000", "was asked for bytes 100-109"),
    ],
)
def test_a_place_that_does_not_fit_is_refused(place: str, message: str) -> None:
    """[T-14]"""
    with pytest.raises(BadAnswer, match=message):
        accept(response(b"01234", Content_Range=place), 100, 10)


def test_an_encoded_body_is_refused() -> None:
    """[T-14]: hashes are of the bytes that were signed."""
    with pytest.raises(BadAnswer, match="another encoding, br"):
        accept(response(b"01234", Content_Range="bytes 100-104/5000", Content_Encoding="br"), 100, 10)


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({"Content_Length": "10"}, True),
        ({"Content_Length": "10", "Content_Encoding": "identity"}, True),
        ({"Content_Length": "11"}, False),
        ({"Content_Length": "0"}, False),
        ({"Content_Length": "-1"}, False),
        ({}, False),
        ({"Content_Length": "10", "Content_Encoding": "gzip"}, False),
    ],
)
def test_a_whole_file_is_taken_if_it_costs_no_more_than_the_range(headers: dict[str, str], is_taken: bool) -> None:
    """[T-15]"""
    answer = whole_file(response(b"0123456789", **headers), 10)
    assert (answer is not None) == is_taken
    assert answer is None or (answer.total_bytes, answer.read(99)) == (10, b"0123456789")
