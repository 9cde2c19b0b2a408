"""All kinds of faults, each a function from random numbers to a scenario."""

from collections.abc import Callable, Mapping
from random import Random

from benchmarks.faults.kinds import damage, endpoints, places, processes, words
from benchmarks.faults.scenario import Scenario

KINDS: Mapping[str, Callable[[Random], Scenario]] = {
    "outputs": places.outputs,
    "same_file": places.same_file,
    "full_disk": places.full_disk,
    "permissions": places.permissions,
    "no_links": places.no_links,
    "streams": processes.streams,
    "signals": processes.signals,
    "together": processes.together,
    "numbers": words.numbers,
    "urls": words.urls,
    "class_names": words.class_names,
    "file_names": words.file_names,
    "damaged": damage.damaged,
    "odd_values": damage.odd_values,
    "endpoint_transport": endpoints.transport,
    "endpoint_answers": endpoints.answers,
}
