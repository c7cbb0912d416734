package millrace.nexmark;

import static java.nio.charset.StandardCharsets.US_ASCII;

import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.core.memory.MemorySegmentFactory;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinaryStringData;

/** The texts that events are put together from: NexmarkTexts and NexmarkPrices of the Swift connector. */
final class Texts {
    static final int POOL = 1 << 16;
    static final int LONGEST_EXTRA = 8192;
    static final int CHANNELS = 10_000;
    static final String[] HOT_CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};
    static final byte[][] STATES = bytes("AZ", "CA", "ID", "OR", "WA", "WY");
    static final byte[][] CITIES =
            bytes("Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne");
    static final byte[][] FIRST_NAMES =
            bytes("Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter");
    static final byte[][] LAST_NAMES =
            bytes("Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris");

    private final MemorySegment[] letters;
    final byte[] words = new byte[POOL + LONGEST_EXTRA];
    private final MemorySegment[] wordSegment;
    /** The hot channels come last. */
    final StringData[] channels = new StringData[CHANNELS + HOT_CHANNELS.length];
    final StringData[] urls = new StringData[channels.length];
    private final double[] prices = new double[1025];

    Texts(long seed) {
        byte[] pool = new byte[POOL + LONGEST_EXTRA];
        long letterKey = Words.mix(seed ^ 1);
        long wordKey = Words.mix(seed ^ 2);
        for (int i = 0; i < pool.length; i++) {
            pool[i] = (byte) (97 - 25 + Words.low(Words.word(letterKey, i), 51));
            long word = Words.word(wordKey, i);
            boolean afterTwo = i >= 2 && words[i - 1] == 32 && words[i - 2] == 32;
            words[i] = (byte) (Words.high(word, 13) == 0 && !afterTwo ? 32 : 97 + Words.low(word, 26));
        }
        letters = new MemorySegment[] {MemorySegmentFactory.wrap(pool)};
        wordSegment = new MemorySegment[] {MemorySegmentFactory.wrap(words)};
        long firstKey = Words.mix(seed ^ 3);
        long secondKey = Words.mix(seed ^ 4);
        for (int i = 0; i < channels.length; i++) {
            boolean hot = i >= CHANNELS;
            channels[i] = BinaryStringData.fromString(hot ? HOT_CHANNELS[i - CHANNELS] : "channel-" + i);
            urls[i] = BinaryStringData.fromString(url(i, hot, Words.word(firstKey, i), Words.word(secondKey, i)));
        }
        prices[0] = 100;
        for (int i = 0; i < 1024; i++) {
            prices[i + 1] = prices[i] * 1.0135831333340657;
        }
    }

    private static String url(int index, boolean hot, long first, long second) {
        StringBuilder url = new StringBuilder("https://www.nexmark.com/");
        for (int part = 0; part < 3; part++) {
            for (int letter = 0; letter < 3 + (int) (second >>> part & 1); letter++) {
                long word = Words.mix(first + part * 4 + letter);
                url.append((char) (Words.high(word, 13) == 0 ? '_' : 'a' + Words.low(word, 26)));
            }
            url.append('/');
        }
        url.append("item.htm?query=1");
        if (!hot && Words.high(second, 10) > 0) {
            url.append("&channel_id=").append(Math.abs(Integer.reverse(index)));
        }
        return url.toString();
    }

    /** A price from the upper 50 bits of a word. */
    long price(long word) {
        int at = (int) (word >>> 54);
        double share = (word >>> 14 & 0xFF_FFFF_FFFFL) * 0x1p-40;
        return (long) (prices[at] + (prices[at + 1] - prices[at]) * share + 0.5);
    }

    /** A piece of the letters, without a copy. */
    StringData extra(int offset, int length) {
        return BinaryStringData.fromAddress(letters, offset, length);
    }

    /** Words without the spaces around them. */
    BinaryStringData phrase(int start, int count) {
        int end = start + count;
        while (start < end && words[start] == 32) {
            start++;
        }
        while (start < end && words[end - 1] == 32) {
            end--;
        }
        return BinaryStringData.fromAddress(wordSegment, start, end - start);
    }

    private static byte[][] bytes(String... texts) {
        byte[][] result = new byte[texts.length][];
        for (int i = 0; i < texts.length; i++) {
            result[i] = texts[i].getBytes(US_ASCII);
        }
        return result;
    }
}
