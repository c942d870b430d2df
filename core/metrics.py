"""What the telephone part measures of itself, in Prometheus' terms.

Counters live where things happen, as plain numbers; a collector reads them when somebody asks, so a
call pays for no metric but the histogram of its set-up time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["RECORD_SECONDS", "REGISTRY", "SETUP_SECONDS", "Reading", "register"]

REGISTRY = CollectorRegistry()

SETUP_SECONDS = Histogram(
    "sunsim_call_setup_seconds",
    "From the INVITE to the first provisional answer or the final one.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
    registry=REGISTRY,
)

RECORD_SECONDS = Histogram(
    "sunsim_call_record_seconds",
    "From the end of a call until its record was safe, in the database or the journal.",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)

Value = float | Mapping[str, float]


class Reading:
    """One figure: its name, meaning and how to read it; a mapping has one label, ``label``."""

    def __init__(
        self,
        name: str,
        meaning: str,
        read: Callable[[], Value],
        *,
        label: str = "",
        counter: bool = False,
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.read = read
        self.label = label
        self.counter = counter


class _Readings(Collector):
    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterable[Metric]:
        for reading in self._readings:
            value = reading.read()
            family = CounterMetricFamily if reading.counter else GaugeMetricFamily
            if isinstance(value, Mapping):
                metric = family(reading.name, reading.meaning, labels=[reading.label])
                for key, number in value.items():
                    metric.add_metric([str(key)], number)
            else:
                metric = family(reading.name, reading.meaning, value=value)
            yield metric


def register(*readings: Reading) -> None:
    """Show these from now on."""
    REGISTRY.register(_Readings(readings))
