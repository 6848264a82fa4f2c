from __future__ import annotations

import pytest

CASES = [
    (lambda m: m.inbound("sms", "duplicate"), "inbound_total", ("sms", "duplicate"), 1),
    (lambda m: m.hook_refused("sms", "forged"), "hook_refused_total", ("sms", "forged"), 1),
    (lambda m: m.hook_refused("", "unknown_channel"), "hook_refused_total", ("-", None), 1),
    (lambda m: m.sent("sms", "sent", 0.2), "sent_total", ("sms", "sent"), 1),
    (lambda m: m.sent("sms", "sent", 0.2), "send_seconds_sum", ("sms", None), 0.2),
    (lambda m: m.accepted("sms")(0.5), "accept_seconds_sum", ("sms", None), 0.5),
    (lambda m: m.outbox({("sms", "bulk"): 7}, 3.5), "outbox_depth", ("sms", "bulk"), 7),
    (lambda m: m.outbox({}, 3.5), "outbox_oldest_seconds", (None, None), 3.5),
    (lambda m: m.disk_free(5_000), "disk_free_bytes", (None, None), 5_000),
]


@pytest.mark.parametrize(("act", "name", "labels", "value"), CASES)
def test_each_act_moves_its_metric(metrics, act, name, labels, value):
    """What happened is found under the channel and the word for it."""
    act(metrics)
    found = [
        sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == f"switchboard_{name}"
        and {label for label in labels if label} <= set(sample.labels.values())
    ]
    assert found == [value]


def test_a_queue_that_is_empty_is_not_shown_as_full(metrics):
    """Each reading replaces the one before, whole."""
    metrics.outbox({("sms", "bulk"): 7}, 3.5)
    metrics.outbox({("sms", "reply"): 1}, 0)
    depth = metrics.registry.get_sample_value
    assert depth("switchboard_outbox_depth", {"channel": "sms", "kind": "bulk"}) is None
    assert depth("switchboard_outbox_depth", {"channel": "sms", "kind": "reply"}) == 1


def test_the_build_is_named(metrics):
    """A monitor can tell which version runs."""
    [info] = [m for m in metrics.registry.collect() if m.name == "switchboard_build"]
    assert set(info.samples[0].labels) == {"version", "python"}
