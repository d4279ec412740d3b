"""The cheapest way over sections, compared with a search of all ways."""

from itertools import pairwise, permutations
from random import Random

from bundle.read.route import NOTHING, Route, Step, alternative_routes, cheapest_route

TREES = [b"a", b"b", b"c", b"d", b"e"]


def step(way: str, *cost: int) -> Step[str]:
    """Of "ab" from a to b; of "b" from nothing to b."""
    return Step(way[:-1].encode() or NOTHING, way[-1:].encode(), cost, way)


def ways(route: Route[str] | None) -> list[str] | None:
    return None if route is None else [one.by for one in route.steps]


def test_a_tree_that_is_held_costs_nothing() -> None:
    route = cheapest_route([step("ab", 1)], [b"b"], b"b")
    assert route == Route() and route.cost == (0,)


def test_many_small_steps_beat_one_large_one() -> None:
    """[T-143]"""
    steps = [step("ad", 100), step("ab", 30), step("bc", 30), step("cd", 30), step("d", 1000)]
    assert ways(cheapest_route(steps, [b"a"], b"d")) == ["ab", "bc", "cd"]
    assert ways(cheapest_route(steps, [b"a", b"c"], b"d")) == ["cd"]
    assert ways(cheapest_route(steps, [b"x"], b"d")) == ["d"]
    assert [ways(route) for route in alternative_routes(steps, [b"a"], b"d")] == [["ab", "bc", "cd"], ["ad"], ["d"]]


def test_what_comes_first_in_a_cost_counts_most_and_of_equal_ways_the_shorter_is_taken() -> None:
    """[T-143]"""
    steps = [step("ab", 0, 900), step("bc", 0, 900), step("ac", 10, 10)]
    assert ways(cheapest_route(steps, [b"a"], b"c")) == ["ab", "bc"]
    steps = [step("ab", 5), step("bc", 5), step("ac", 10)]
    assert ways(cheapest_route(steps, [b"a"], b"c")) == ["ac"]


def test_circles_and_dead_ends_are_harmless() -> None:
    """[T-143]"""
    steps = [step("aa", 0), step("ab", 0), step("ba", 0), step("bx", 0), step("yz", 0), step("cc", 0), step("cb", 0)]
    assert cheapest_route(steps, [b"a"], b"c") is None
    assert ways(cheapest_route([*steps, step("bc", 1)], [b"a"], b"c")) == ["ab", "bc"]
    assert len(alternative_routes([*steps, step("bc", 1)], [b"a"], b"c")) == 1


def test_random_steps_are_searched_as_by_trying_all() -> None:
    """[T-143]"""
    seed = 15
    random = Random(seed)
    for number in range(400):
        steps = [
            Step(random.choice([NOTHING, *TREES]), random.choice(TREES), (random.randrange(4), random.randrange(9)), at)
            for at in range(random.randrange(1, 8))
        ]
        held = random.sample(TREES, random.randrange(3))
        found = cheapest_route(steps, held, b"a")
        best = min(every_cost(steps, held, b"a"), default=None)
        assert (found.cost if found else None) == best, f"seed {seed}, case {number}: {steps} from {held}"


def every_cost(steps: list[Step[int]], held: list[bytes], wanted: bytes) -> list[tuple[int, ...]]:
    """Of every order of any of the steps that is a way."""
    if wanted in held:
        return [(0,)]
    found = []
    for count in range(1, min(len(steps), 5) + 1):
        for way in permutations(steps, count):
            joined = all(one.tree == after.base for one, after in pairwise(way))
            if way[0].base in (NOTHING, *held) and joined and way[-1].tree == wanted:
                found.append(Route(way).cost)
    return found
