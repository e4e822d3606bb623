"""Figures for notebook 07: probabilities, learning rates, losses, singular values, bits per byte."""

import statistics

from helpers.plots import COLORS, INK, new_axes, plot_losses, plot_matrix, show


def plot_given(probabilities, read, words, targets):
    """Show the probabilities (T, V) after each text that was read; the target is framed."""
    right = list(enumerate(targets.tolist()))
    ax = plot_matrix(probabilities, read, words, ax=new_axes(5.5, 2.8), framed=right)
    given = ", ".join(f"{words[column]} {probabilities[row, column]:.2f}" for row, column in right)
    show(ax, alt=f"Probabilities as a table of colors. The words that came are framed: {given}.")


def plot_word_bits(words, bits):
    """Show how many bits each word of a tale costs; the names of certain words are green."""
    ax = new_axes(9, 3)
    ax.bar(range(len(words)), bits)
    ax.set_xticks(range(len(words)), [word.strip() for word in words], rotation=70, ha="right")
    for label, cost in zip(ax.get_xticklabels(), bits, strict=True):
        label.set_color(INK if cost > 0.01 else COLORS[2])
    ax.set_ylabel("bits")
    free = sum(b <= 0.01 for b in bits)
    dearest = max(zip(bits, words, strict=True))
    show(
        ax,
        alt=f"Bits of {len(words)} words: {free} cost nothing, {dearest[1].strip()} most, "
        f"{dearest[0]:.1f}.",
    )


def plot_rates(schedules):
    """Show learning rates by step; `schedules` maps a name to a list."""
    ax = new_axes(6.5, 2.8)
    for (name, rates), color in zip(schedules.items(), COLORS, strict=False):
        ax.plot(rates, color=color, label=name)
    ax.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    ax.legend(frameon=False)
    said = "; ".join(
        f"{name}: {rates[0]:.2g} at first, {max(rates):.2g} at most, {rates[-1]:.2g} at the end"
        for name, rates in schedules.items()
    )
    show(ax, alt=f"Learning rates over {len(rates)} steps. {said}.")


def plot_training(curves, floor=None, title="", top=None):
    """Show losses by step; `curves` maps a name to a list of losses, or to (steps, losses)."""
    pairs = {
        name: (range(1, len(curve) + 1), curve) if isinstance(curve, list) else curve
        for name, curve in curves.items()
    }
    ax = plot_losses(pairs, ax=new_axes(6.5, 3.3), floor=floor)
    ax.set(title=title, ylim=(0, top))
    said = "; ".join(
        f"{name} from {losses[0]:.1f} to {losses[-1]:.1f}" for name, (_, losses) in pairs.items()
    )
    below = f" A dashed line marks the lowest possible loss, {floor:.2f}." if floor else ""
    show(ax, alt=f"Losses by step: {said}.{below}")


def plot_singular_values(spectra):
    """Show singular values from the largest to the smallest; `spectra` maps a name to a tensor."""
    ax = new_axes(6.5, 3)
    for (name, values), color in zip(spectra.items(), COLORS, strict=False):
        ax.semilogy(range(1, len(values) + 1), values, color=color, label=name)
    ax.set(xlabel="number of the singular value", ylabel="singular value")
    ax.legend(frameon=False)
    said = "; ".join(
        f"{name} from {float(values[0]):.2g} down to {float(values[-1]):.1g}"
        for name, values in spectra.items()
    )
    show(ax, alt=f"Singular values on a logarithmic scale: {said}.")


def plot_learned(steps, learned, baselines):
    """Show the accuracy on each kind of probe by step, and its baseline as a dotted line."""
    ax = new_axes(6.5, 3)
    for (kind, shares), color in zip(learned.items(), COLORS, strict=False):
        ax.plot(steps, shares, "o-", color=color, label=kind)
        ax.axhline(baselines[kind], color=color, linestyle=":")
    ax.set(xlabel="step", ylabel="accuracy", ylim=(0, 1.03))
    ax.legend(frameon=False, loc="lower center", ncols=3)
    said = ", ".join(
        f"{kind} from {shares[0]:.2f} to {shares[-1]:.2f} (dotted line {baselines[kind]:.2f})"
        for kind, shares in learned.items()
    )
    show(ax, alt=f"Accuracy by step: {said}.")


def plot_bits(bits):
    """Show bits per byte as bars; `bits` maps a name to a number."""
    ax = new_axes(6.5, 0.5 + 0.4 * len(bits))
    ax.barh(list(bits), list(bits.values()), color=COLORS[: len(bits)])
    ax.invert_yaxis()
    ax.set_xlabel("bits per byte of held-out text (less is better)")
    said = ", ".join(f"{name} {value:.2f}" for name, value in bits.items())
    show(ax, alt=f"Bars of bits per byte: {said}.")


def plot_choices(words, choices):
    """Show the probabilities of words side by side; `choices` maps a name to probabilities (V,)."""
    ax = new_axes(7, 3.2)
    width = 0.8 / len(choices)
    for number, (name, probabilities) in enumerate(choices.items()):
        shift = (number - (len(choices) - 1) / 2) * width
        places = [place + shift for place in range(len(words))]
        ax.bar(places, probabilities.tolist(), 0.93 * width, label=name, color=COLORS[number])
    ax.set_xticks(range(len(words)), words)
    ax.set_ylabel("probability")
    ax.legend(frameon=False)
    said = "; ".join(
        f"{name}: {words[int(probabilities.argmax())]} {float(probabilities.max()):.2f}, "
        f"{int((probabilities > 0.005).sum())} words over 0.005"
        for name, probabilities in choices.items()
    )
    show(ax, alt=f"Bars of {len(words)} words. {said}.")


def plot_entropies(temperatures, entropies, most):
    """Show the entropy of a choice by temperature, and the largest possible as a dashed line."""
    ax = new_axes(6, 2.6)
    ax.semilogx(temperatures, entropies)
    ax.axhline(most, color=INK, linestyle="--", linewidth=1)
    ax.set(xlabel="temperature", ylabel="entropy (nats)")
    show(
        ax,
        alt=f"Entropy by temperature: from {float(entropies[0]):.2f} up to "
        f"{float(entropies[-1]):.2f}; the most is {most:.2f}.",
    )


def plot_copying(record):
    """Show the runs of `bench copying_start`: copied answers and tales, a line per start, with spread."""
    axes = new_axes(9, 3, columns=2)
    starts, said = {}, []
    for name, rows in record["runs"].items():
        starts.setdefault(name.partition(",")[0], []).append(rows)
    kinds = (("copied", "accuracy on tokens of list answers"), ("tales", "tales (nats per token)"))
    for ax, (key, label) in zip(axes, kinds, strict=True):
        for (start, runs), color in zip(starts.items(), COLORS, strict=False):
            steps = [row["step"] for row in runs[0]]
            columns = [[run[place][key] for run in runs] for place in range(len(steps))]
            means = [statistics.mean(column) for column in columns]
            spread = [statistics.stdev(column) for column in columns]
            ax.errorbar(steps, means, spread, color=color, label=start, capsize=3, marker="o")
            said.append(f"{label}, first weights {start}: {means[0]:.2f} to {means[-1]:.2f}")
        ax.set(xlabel="step", ylabel=label, ylim=(0, None))
    axes[1].axhline(record["floor"], color=INK, linestyle="--", linewidth=1)
    axes[0].legend(frameon=False, title="first weights")
    show(axes, alt=f"Two panels, means over seeds with standard deviations. {'; '.join(said)}.")
