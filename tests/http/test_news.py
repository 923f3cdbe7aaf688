"""News: nobody who waits is missed, from whichever thread it is told."""

import asyncio
import threading

from streams.http.news import News


def test_whoever_waits_is_told_from_another_thread() -> None:
    news = News()

    async def follow() -> list[bool]:
        waiting = [asyncio.create_task(news.beyond(0, 10)) for _ in range(3)]
        await asyncio.sleep(0)
        thread = threading.Thread(target=news.tell)
        thread.start()
        heard = await asyncio.gather(*waiting)
        thread.join()
        return heard

    assert asyncio.run(follow()) == [True] * 3
    assert news.edition == 1


def test_what_was_told_before_is_known_at_once() -> None:
    news = News()
    news.tell()
    assert asyncio.run(news.beyond(0, 10))
    assert not asyncio.run(news.beyond(1, 0.01))


def test_the_end_lets_everyone_go_and_stays() -> None:
    news = News()
    news.end()
    assert news.ended
    assert asyncio.run(news.beyond(100, 10))


def test_telling_a_loop_that_is_gone_harms_nobody() -> None:
    news = News()

    async def leave() -> None:
        waiting = asyncio.create_task(news.beyond(0, 10))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave())
    news.tell()
    assert asyncio.run(news.beyond(0, 10))


def test_1000_tellings_between_reads_lose_none() -> None:
    news = News()

    def tell_all() -> None:
        for _ in range(1_000):
            news.tell()

    async def read_to_the_end() -> int:
        edition = 0
        thread = threading.Thread(target=tell_all)
        thread.start()
        while edition < 1_000:
            assert await news.beyond(edition, 10)
            edition = news.edition
        thread.join()
        return edition

    assert asyncio.run(read_to_the_end()) == 1_000
