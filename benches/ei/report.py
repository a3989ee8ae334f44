"""Joins what run.sh measured: instructions and nanoseconds per workload, reference divided by ours."""
import re
import sys
from statistics import median

work = sys.argv[1]


def instructions(side):
    costs = {}
    for line in open(f"{work}/{side}.txt"):
        found = re.match(r"\s*([\d,]+) .*?:(\w+) \[.*codec_", line)
        if found:
            costs[found.group(2)] = int(found.group(1).replace(",", "")) / 400
    return costs


def times(side):
    best = {}
    for turn in range(1, 6):
        for line in open(f"{work}/{side}.{turn}"):
            name, ns = line.split()
            best[name] = min(float(ns), best.get(name, 1e9))
    return best


ref_i, our_i, ref_t, our_t = instructions("reference"), instructions("ours"), times("reference"), times("ours")
names = [name for name in our_t if name in ref_i and name in our_i]
slower = []
print(f"{'workload':22}{'instr ref':>10}{'ours':>9}{'ratio':>7}{'ns ref':>9}{'ours':>8}{'ratio':>7}")
for name in names:
    ratio = ref_i[name] / our_i[name]
    print(f"{name:22}{ref_i[name]:10.1f}{our_i[name]:9.1f}{ratio:7.2f}{ref_t[name]:9.2f}{our_t[name]:8.2f}{ref_t[name] / our_t[name]:7.2f}")
    if ratio < 0.999:
        slower.append(name)
for name in names:
    if name.startswith("x_binary_"):
        bare = our_i["copy_" + name[9:]]
        print(f"{name}: at most {ref_i[name] / bare:.2f} x, because the copy alone takes {bare:.0f} instructions; {ref_i[name] / our_i[name]:.2f} x reached")
for group, wanted in (("x_encode_", 2.0), ("encode_", 1.0), ("size_", 1.0), ("decode_", 1.0), ("skip_", 1.0), ("", 1.5)):
    part = [name for name in names if name.startswith(group) and "copy_" not in name]
    ratio = sum(ref_i[n] for n in part) / sum(our_i[n] for n in part)
    mean = sum(ref_i[n] / our_i[n] for n in part) / len(part)
    time = sum(ref_t[n] for n in part) / sum(our_t[n] for n in part)
    least = min(part, key=lambda n: ref_i[n] / our_i[n])
    print(f"{group or 'all':10} sum {ratio:5.2f} x in instructions (wanted {wanted}), mean {mean:5.2f}, least {ref_i[least] / our_i[least]:.2f} ({least}), {time:5.2f} x in time")


def runs(side):
    found = {}
    for line in open(f"{work}/messages_{side}.txt"):
        name, us = line.split()
        found.setdefault(name, []).append(float(us))
    return found


def per_message(side):
    """Instructions of ei_send, and of all the library does in a ping and its pong."""
    costs = {}
    for line in open(f"{work}/messages_{side}.instructions"):
        found = re.match(r"\s*([\d,]+) .*?:(ei_send|ping_pong)\b", line)
        if found:
            costs[found.group(2)] = int(found.group(1).replace(",", ""))
    return costs.get("ping_pong", 0) / 500, costs.get("ei_send", 0) / 1000


ref_m, our_m = runs("reference"), runs("ours")
for name in ("connect", "ping_pong", "ping_pong_tmo", "one_way"):
    a, b = ref_m[name], our_m[name]
    ratios = sorted(ours / theirs for theirs, ours in zip(a, b))
    # The true median of the ratios lies between these two of them with 95 %.
    n = len(ratios)
    low = max(0, int((n - 1.96 * n**0.5) / 2))
    print(
        f"{name:14} reference {min(a):8.2f} us least {median(a):8.2f} median, ours {min(b):8.2f} {median(b):8.2f}: least {min(b) / min(a):.3f},"
        f" median {median(b) / median(a):.3f}, paired {median(ratios):.3f} ({ratios[low]:.3f} to {ratios[n - 1 - low]:.3f}) of {n}"
    )
(ref_ping, ref_send), (our_ping, our_send) = per_message("reference"), per_message("ours")
print(f"instructions outside of the system: a ping and its pong {ref_ping:.0f}, ours {our_ping:.0f}; one message {ref_send:.0f}, ours {our_send:.0f}")
print("slower in instructions:", ", ".join(slower) or "none")
sys.exit(bool(slower))
