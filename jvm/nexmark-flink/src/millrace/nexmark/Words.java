package millrace.nexmark;

/** Random words as a function of seed, purpose and event number: NexmarkRandom of the Swift connector. */
final class Words {
    static final long STEP = 0x9E3779B97F4A7C15L;

    final long key0;
    final long key1;
    final long key2;
    final long key3;
    final long key4;

    Words(long seed) {
        key0 = mix(seed + STEP);
        key1 = mix(seed + 2 * STEP);
        key2 = mix(seed + 3 * STEP);
        key3 = mix(seed + 4 * STEP);
        key4 = mix(seed + 5 * STEP);
    }

    static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    static long word(long key, long event) {
        return mix(key + event * STEP);
    }

    static long low(long word, long bound) {
        return ((word & 0xFFFFFFFFL) * bound) >>> 32;
    }

    static long high(long word, long bound) {
        return ((word >>> 32) * bound) >>> 32;
    }

    static long sixteen(long word, int shift, long bound) {
        return ((word >>> shift & 0xFFFF) * bound) >>> 16;
    }
}
