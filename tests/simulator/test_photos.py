"""Photos: believable, deterministic, with validators, counted; and the fast mode for benchmarks."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from app.simulator import account_number, account_secret, running_simulator
from app.simulator.showroom.catalogue import COLOURS
from app.simulator.showroom.drawing import draw
from app.simulator.showroom.shapes import SHAPES
from app.simulator.showroom.subject import Subject
from tests.simulator.caller import Caller


def urls_of(caller: Caller, vehicles: int) -> list[str]:
    return [url for row in caller.rows()[:vehicles] for url in row["ImageURLs"].split(",")]


def test_photos_are_jpegs_of_a_believable_size(caller: Caller) -> None:
    seen = set()
    for url in urls_of(caller, 3):
        answer = caller.http.get(url)
        seen.add(hashlib.sha256(answer.content).digest())
        assert answer.headers["content-type"] == "image/jpeg"
        assert 40_000 < len(answer.content) < 170_000
        with Image.open(BytesIO(answer.content)) as picture:
            picture.load()
            assert (picture.format, picture.size) == ("JPEG", (1024, 683))
    assert len(seen) == len(urls_of(caller, 3))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_drawn_from_every_side(shape: str) -> None:
    colours = list(COLOURS.values())
    for index in range(12):
        subject = Subject(shape, colours[index], "", "10001", index)
        with Image.open(BytesIO(draw(subject, f"{index * 7919:040x}"))) as picture:
            lowest, highest = picture.convert("L").getextrema()
        assert highest - lowest > 120


def test_every_vehicle_of_a_stock_has_a_shape(caller: Caller) -> None:
    caller.simulator.settings(photos="fast")
    caller.simulator.stock("set_vehicles", count=300)
    firsts = [row["ImageURLs"].split(",")[0] for row in caller.rows()]
    assert {caller.http.get(url).status_code for url in firsts} == {200}


def test_validators_answer_304(caller: Caller) -> None:
    url = urls_of(caller, 1)[0]
    first = caller.http.get(url)
    for name, validator in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")):
        again = caller.http.get(url, headers={name: first.headers[validator]})
        assert (again.status_code, again.content) == (304, b"")
    assert caller.http.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_same_address_same_bytes_also_in_another_simulator(caller: Caller) -> None:
    url = urls_of(caller, 1)[2]
    path = url.removeprefix(caller.simulator.base_url)
    with running_simulator(vehicles=3, seed=7) as other:
        assert caller.http.get(other.base_url + path).content == caller.http.get(url).content


def test_addresses_nobody_handed_out_are_404(caller: Caller) -> None:
    url = urls_of(caller, 1)[0]
    other = account_number(2)
    theirs = caller.rows(AccountNumber=other, AccountSecret=account_secret(other))
    foreign = theirs[0]["ImageURLs"].split(",")[0]
    assert caller.http.get(url[:-1] + "g").status_code == 404
    assert caller.http.get(url.replace("/310001/", "/320002/")).status_code == 404
    assert caller.http.get(foreign).status_code == 200


def test_photos_of_sold_vehicles_stay_for_a_while(caller: Caller) -> None:
    url = urls_of(caller, 1)[0]
    caller.simulator.stock("sell")
    assert caller.http.get(url).status_code == 200


def test_photo_calls_are_counted_by_path(caller: Caller) -> None:
    url = urls_of(caller, 1)[0]
    etag = caller.http.get(url).headers["etag"]
    caller.http.get(url, headers={"If-None-Match": etag})
    photos = caller.simulator.calls()["photos"]
    path = url.removeprefix(caller.simulator.base_url)
    assert (photos["requests"], photos["fetched"], photos["not_modified"]) == (2, 1, 1)
    assert photos["by_path"] == {path: 2}
    caller.simulator.forget_calls()
    assert caller.simulator.calls()["photos"]["requests"] == 0


def test_fast_photos_are_150_kb_and_all_different(caller: Caller) -> None:
    caller.simulator.settings(photos="fast")
    urls = urls_of(caller, 30)[:200]
    with ThreadPoolExecutor(5) as pool:
        bodies = list(pool.map(lambda url: caller.http.get(url).content, urls))
    assert len(set(bodies)) == len(urls) == 200
    assert {len(body) for body in bodies} == {150_000}
    with Image.open(BytesIO(bodies[0])) as picture:
        picture.load()
