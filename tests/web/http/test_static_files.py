"""Static files and the templates of the hosted page: caching, compression, and escaping."""

import gzip
from pathlib import Path

import pytest
from fastapi import Request

from videobroker.errors import PathNotFound
from videobroker.web import pages
from videobroker.web.http.static_files import IMMUTABLE, StaticFile, static_file
from videobroker.web.http.templates import template_environment

STATIC = Path(pages.__file__).parent / "static"


def _request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


def test_a_file_is_compressed_only_for_clients_that_accept_it() -> None:
    file = StaticFile.from_bytes("a.css", b"body {}" * 100)

    plain, compressed = file.response(_request()), file.response(_request(accept_encoding="br, gzip"))

    assert bytes(plain.body) == gzip.decompress(bytes(compressed.body)) == file.body
    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == compressed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["content-type"] == compressed.headers["content-type"] == "text/css; charset=utf-8"


def test_a_current_copy_is_not_sent_again() -> None:
    old, new = StaticFile.from_bytes("a.js", b"1"), StaticFile.from_bytes("a.js", b"2")

    assert new.response(_request(if_none_match=new.etag)).status_code == 304
    assert new.response(_request(if_none_match=old.etag)).status_code == 200
    assert new.version != old.version


def test_the_caller_sets_the_cache_policy_and_further_headers() -> None:
    file = StaticFile.from_bytes("a.svg", b"<svg/>")

    default = file.response(_request())
    versioned = file.response(_request(), cache_control=IMMUTABLE, **{"Referrer-Policy": "no-referrer"})

    assert default.headers["cache-control"] == "no-cache"
    assert "immutable" in versioned.headers["cache-control"]
    assert versioned.headers["referrer-policy"] == "no-referrer"
    assert versioned.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["", ".", "..", "missing.js", "../hosted.py", "../templates/join.html", "join.html"])
def test_only_the_files_of_the_folder_are_served(name: str) -> None:
    assert static_file(STATIC, "join.js").body == (STATIC / "join.js").read_bytes()
    with pytest.raises(PathNotFound):
        static_file(STATIC, name)


def test_the_hosted_page_escapes_its_values() -> None:
    template = template_environment("videobroker.web.pages").get_template("join.html")

    page = template.render(
        state='"><script>', embedders="https://a.example?b&c", call_page="'", brand="", brand_style=""
    )

    assert 'content="&#34;&gt;&lt;script&gt;"' in page
    assert 'content="https://a.example?b&amp;c"' in page
    assert 'content="&#39;"' in page
