package millrace.nexmark;

/** Which events a split holds, in the order in which they arrive: NexmarkSequence of the Swift connector. */
final class Sequence {
    private final Settings settings;
    private final long split;
    private final long group;
    /** Events of the split; the greatest number when there is no end. */
    final long count;

    // The group that is being walked through.
    private long current = -1;
    private long size;
    private long factor;
    private long offset;

    Sequence(Settings settings, int split) {
        this.settings = settings;
        this.split = split;
        long events = settings.disorderMillis * settings.rate / 1000;
        group = Math.min(1 << 30, Math.max(1, (events - (settings.splits - 1) * settings.cycle()) / settings.splits));
        if (settings.events == 0) {
            count = Long.MAX_VALUE;
        } else {
            long cycles = settings.events / settings.cycle();
            long rounds = cycles / settings.splits;
            long left = cycles % settings.splits;
            long rest = left == split ? settings.events % settings.cycle() : 0;
            count = (rounds + (left > split ? 1 : 0)) * settings.cycle() + rest;
        }
    }

    /** The event that arrives as number `index` of the split. */
    long event(long index) {
        if (group > 1) {
            long number = index / group;
            if (number != current) {
                choose(number);
            }
            index = number * group + (factor * (index - number * group) + offset) % size;
        }
        if (settings.splits == 1) {
            return index;
        }
        return (index / settings.cycle() * settings.splits + split) * settings.cycle() + index % settings.cycle();
    }

    private void choose(long number) {
        current = number;
        size = Math.min(group, count - number * group);
        factor = 0;
        offset = 0;
        if (size <= 1) {
            return;
        }
        long word = Words.word(Words.mix(settings.seed ^ 5), number);
        factor = 1 + Words.low(word, size - 1);
        while (divisor(factor, size) != 1) {
            factor = factor % (size - 1) + 1;
        }
        offset = Words.high(word, size);
    }

    private static long divisor(long a, long b) {
        return b == 0 ? a : divisor(b, a % b);
    }
}
