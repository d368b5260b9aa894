# SPDX-License-Identifier: Apache-2.0
"""Figures of a benchmark run: what was measured, medians, ratios between contestants, the table and the JSON file."""
import json
import statistics
import textwrap

# name: (ours, the other, what the project promises: (relation, limit), or None)
RATIOS = {
    "benign_hot_v4_to_parse": ("kernel_ours_benign_hot_v4", "kernel_parse_benign_hot_v4", ("<=", 1.15)),
    "benign_hot_v6_to_parse": ("kernel_ours_benign_hot_v6", "kernel_parse_benign_hot_v6", ("<=", 1.15)),
    "benign_random_v4_to_reference": ("kernel_ours_benign_random_v4", "kernel_reference_benign_random_v4", ("<=", 0.1)),
    "benign_random_v6_to_reference": ("kernel_ours_benign_random_v6", "kernel_reference_benign_random_v6", ("<=", 0.1)),
    "blocked_10k_to_xdpfilter": ("veth_ours_native_10k", "veth_xdpfilter_native_10k", ("<=", 1.0)),
    "blocked_1m_to_nft_ingress": ("veth_ours_native_1m", "veth_nft_ingress_1m", ("<=", 0.45)),
    "blocked_1m_to_ipset": ("veth_ours_native_1m", "veth_ipset_1m", ("<=", 0.35)),
    "http_throughput_to_unfiltered": ("http_download_filtered", "http_download_unfiltered", (">=", 0.97)),
    # Not promised, but worth a line.
    "blocked_10k_generic_to_xdpfilter_generic": ("veth_ours_generic_10k", "veth_xdpfilter_generic_10k", None),
    "blocked_10k_generic_to_nft_ingress": ("veth_ours_generic_10k", "veth_nft_ingress_10k", None),
    "blocked_1m_generic_to_nft_ingress": ("veth_ours_generic_1m", "veth_nft_ingress_1m", None),
    "blocked_1m_to_nft_prerouting": ("veth_ours_native_1m", "veth_nft_prerouting_1m", None),
    "benign_random_veth_to_parse": ("veth_benign_ours_native_1m", "veth_benign_parse_native", None),
    "http_one_processor_to_unfiltered": ("http_download_one_processor_filtered", "http_download_one_processor_unfiltered", None),
    "http_upload_to_unfiltered": ("http_upload_filtered", "http_upload_unfiltered", None),
    "capture_throughput_two_cpus_to_one": ("capture_two_cpus", "capture_one_cpu", None),
}

# Headings of the table, by the beginning of a figure's name.
GROUPS = {
    "kernel_": "The XDP program in place (no card, no stack): CPU time per packet. hot: 16 sources, each alone for a while and a run of its own, over eight loads of"
               " the program; random: 1,000,000 sources."
               " 1,000,000 addresses and 100,000 prefixes of each family are blocked; reference: the same program over plain hash"
               " and LPM tables.",
    "veth_": "Receiver on veth: CPU time per packet of the interface's kernel thread, and how many packets arrived. 10k, 1m: blocked"
             " addresses, which all of the packets come from; benign: none of them does, and the stack answers.",
    "capture_": "Payload to an LLM port: CPU time per packet in the kernel; requests are copied into the ring.",
    "http_": "One HTTP transfer of nginx and curl over veth, a processor each; one_processor: both on the same, so that all CPU time counts.",
    "upload_": "What a 10 MB upload cost of the ring.",
    "update_": "Block tables: 1,000,000 addresses and 50,000 prefixes of each family, one call each; beside them a feed of 30,000 IPv4"
               " addresses and 3,000 IPv6 prefixes of which a quarter changes.",
    "flood_": "Flood: blocked sources, forged SYNs and forged payload for 60 s beside a client's chats.",
}
HIDDEN = "_busy"  # in the file only; the notes say what follows from it


class Figures:
    """Series of runs by name. Runs of contestants that were measured in turns stand at the same index."""

    def __init__(self):
        self.series, self.notes = {}, []

    def add(self, name, unit, *runs):
        known = self.series.setdefault(name, (unit, []))
        if known[0] != unit:
            raise ValueError("%s is measured in %s, not in %s" % (name, known[0], unit))
        known[1].extend(float(run) for run in runs)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def results(self):
        return [{"name": name, "unit": unit, "median": rounded(statistics.median(runs)), "min": rounded(min(runs)),
                 "max": rounded(max(runs)), "runs": len(runs)}
                for name, (unit, runs) in self.series.items() if runs]

    def ratios(self):
        """Every ratio whose two series are there: the median over the rounds of ours divided by the other's, as a
        machine that is slow for a moment is slow for both."""
        found = []
        for name, (ours, other, _) in RATIOS.items():
            pairs = list(zip(self.runs(ours), self.runs(other)))
            if pairs and all(b > 0 for _, b in pairs):
                value = statistics.median(a / b for a, b in pairs)
                found.append({"name": name, "value": rounded(value), "of": ours, "to": other})
        return found

    def runs(self, name):
        return self.series.get(name, ("", []))[1]

    def document(self, machine):
        return {"machine": machine, "results": self.results(), "ratios": self.ratios(), "notes": self.notes}

    def write(self, path, machine):
        with open(path, "w") as f:
            json.dump(self.document(machine), f, indent=1)
            f.write("\n")


def rounded(value):
    return float("%.4g" % value)


def kept(name, value):
    """Whether a promised ratio holds; None: nothing is promised."""
    promise = RATIOS[name][2]
    if promise is None:
        return None
    return value <= promise[1] if promise[0] == "<=" else value >= promise[1]


def _results_table(results):
    width = max([len(r["name"]) for r in results] + [10])
    lines = ["%-*s  %10s  %10s  %10s  %4s  %s" % (width, "measured", "median", "min", "max", "runs", "unit")]
    heading = None
    for r in results:
        if r["name"].endswith(HIDDEN):
            continue
        group = next((text for start, text in GROUPS.items() if r["name"].startswith(start)), None)
        if group != heading:
            lines += ["", *textwrap.wrap(group or "", 110)]
            heading = group
        lines.append("%-*s  %10g  %10g  %10g  %4d  %s" % (width, r["name"], r["median"], r["min"], r["max"], r["runs"], r["unit"]))
    return lines


def table(figures, machine):
    """The run as text for a terminal."""
    lines = ["", textwrap.fill("Machine: " + "; ".join("%s %s" % pair for pair in machine.items()), 110, subsequent_indent="  "),
             "Figures are of this machine and this run: compare within one run only.", ""]
    lines += _results_table(figures.results())
    ratios = figures.ratios()
    if ratios:
        width = max(len(r["name"]) for r in ratios)
        lines += ["", "%-*s  %8s  %-8s  %s" % (width, "ours / theirs", "ratio", "goal", "of, to")]
        for r in ratios:
            promise = RATIOS[r["name"]][2]
            goal = "" if promise is None else "%s %g" % promise
            mark = {True: "", False: "  MISSED", None: ""}[kept(r["name"], r["value"])]
            lines.append("%-*s  %8.4g  %-8s  %s, %s%s" % (width, r["name"], r["value"], goal, r["of"], r["to"], mark))
    lines += [""] + [textwrap.fill("Note: " + note, 110, subsequent_indent="  ") for note in figures.notes]
    return "\n".join(lines)
