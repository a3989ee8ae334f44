"""Joins what run.sh measured: instructions and nanoseconds per workload, reference divided by ours."""
import re
import sys

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
    if ratio < 1:
        slower.append(name)
for group, wanted in (("x_encode_", 2.0), ("encode_", 1.0), ("size_", 1.0), ("decode_", 1.0), ("skip_", 1.0), ("", 1.5)):
    part = [name for name in names if name.startswith(group)]
    ratio = sum(ref_i[n] for n in part) / sum(our_i[n] for n in part)
    mean = sum(ref_i[n] / our_i[n] for n in part) / len(part)
    time = sum(ref_t[n] for n in part) / sum(our_t[n] for n in part)
    least = min(part, key=lambda n: ref_i[n] / our_i[n])
    print(f"{group or 'all':10} sum {ratio:5.2f} x in instructions (wanted {wanted}), mean {mean:5.2f}, least {ref_i[least] / our_i[least]:.2f} ({least}), {time:5.2f} x in time")
least = {}
for side in ("reference", "ours"):
    for line in open(f"{work}/messages_{side}.txt"):
        name, us = line.split()
        least[side, name] = min(float(us), least.get((side, name), 1e9))
for name in ("connect", "ping_pong", "ping_pong_tmo", "one_way"):
    a, b = least["reference", name], least["ours", name]
    print(f"{name:22}{a:10.2f} us {b:9.2f} us, {b / a:5.2f} of the reference's time")
print("slower in instructions:", ", ".join(slower) or "none")
sys.exit(bool(slower))
