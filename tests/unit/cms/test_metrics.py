"""Series are bounded, however many there are of what they count."""

from cms_service.core.metrics import MAX_TENANTS, OTHER_TENANTS, Metrics


def test_tenants_beyond_the_bound_are_counted_together() -> None:
    metrics = Metrics("r1")
    for number in range(MAX_TENANTS + 3):
        metrics.observe_tenant(f"tenant-{number}", 200)
    metrics.observe_tenant("tenant-0", 404)
    (family,) = metrics.tenant_requests.collect()
    counted = {
        (sample.labels["tenant"], sample.labels["status"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert len(counted) == MAX_TENANTS + 2
    assert counted["tenant-0", "2xx"] == counted["tenant-0", "4xx"] == 1
    assert counted[OTHER_TENANTS, "2xx"] == 3
