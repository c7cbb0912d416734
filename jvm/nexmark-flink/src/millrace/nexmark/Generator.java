package millrace.nexmark;

import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;

/**
 * Makes events from their numbers: the same as the Swift connector's NexmarkGenerator, which EventsTest checks by a hash.
 *
 * <p>One row object per kind is filled again and again; strings are views of shared memory wherever they can be.
 */
final class Generator {
    private final Settings settings;
    private final Words random;
    private final Texts texts;
    private final GenericRowData event = new GenericRowData(4);
    private final GenericRowData person = new GenericRowData(8);
    private final GenericRowData auction = new GenericRowData(10);
    private final GenericRowData bid = new GenericRowData(7);

    // The place of the event being made.
    private long number;
    private long cycle;
    private long place;
    private long millis;

    Generator(Settings settings) {
        this.settings = settings;
        random = new Words(settings.seed);
        texts = new Texts(settings.seed);
    }

    /** A row of the table `events`; valid until the next call. */
    GenericRowData next(long number) {
        this.number = number;
        cycle = number / settings.cycle();
        place = number % settings.cycle();
        millis = settings.millis(number);
        event.setField(1, null);
        event.setField(2, null);
        event.setField(3, null);
        if (place < settings.persons) {
            fillPerson();
            event.setField(0, 0);
            event.setField(1, person);
        } else if (place < settings.persons + settings.auctions) {
            fillAuction();
            event.setField(0, 1);
            event.setField(2, auction);
        } else {
            fillBid();
            event.setField(0, 2);
            event.setField(3, bid);
        }
        return event;
    }

    private long lastPerson() {
        return cycle * settings.persons + Math.min(place, settings.persons - 1);
    }

    private long lastAuction() {
        long inCycle = place < settings.persons ? -1 : Math.min(place - settings.persons, settings.auctions - 1);
        return cycle * settings.auctions + inCycle;
    }

    private long activePerson(long word) {
        long persons = lastPerson() + 1;
        long active = Math.min(persons, Settings.ACTIVE_PERSONS);
        return persons - active + Words.high(word, active + Settings.LEAD);
    }

    private long openAuction(long word) {
        long last = lastAuction();
        long first = Math.max(last - Settings.OPEN_AUCTIONS, 0);
        return first + Words.low(word, last - first + 1 + Settings.LEAD);
    }

    private void fillBid() {
        long who = Words.word(random.key0, number);
        long odds = Words.word(random.key2, number);
        long where = Words.word(random.key3, number);
        long auctionNumber =
                Words.sixteen(odds, 0, settings.hotAuctions) > 0
                        ? lastAuction() / Settings.HOT_BATCH * Settings.HOT_BATCH
                        : openAuction(who);
        long bidder =
                Words.sixteen(odds, 16, settings.hotBidders) > 0
                        ? lastPerson() / Settings.HOT_BATCH * Settings.HOT_BATCH + 1
                        : activePerson(who);
        int channel =
                where < 0 ? Texts.CHANNELS + (int) (where >>> 61 & 3) : (int) Words.low(where, Texts.CHANNELS);
        bid.setField(0, auctionNumber + Settings.FIRST_AUCTION);
        bid.setField(1, bidder + 2 * Settings.FIRST_PERSON);
        bid.setField(2, texts.price(Words.word(random.key1, number)));
        bid.setField(3, texts.channels[channel]);
        bid.setField(4, texts.urls[channel]);
        bid.setField(5, TimestampData.fromEpochMillis(millis));
        bid.setField(6, extra((int) (odds >>> 48), settings.bidSize - 32, odds, 32));
    }

    private void fillAuction() {
        long who = Words.word(random.key0, number);
        long places = Words.word(random.key3, number);
        long lengths = Words.word(random.key4, number);
        long seller =
                Words.sixteen(places, 0, settings.hotSellers) > 0
                        ? lastPerson() / Settings.HOT_BATCH * Settings.HOT_BATCH
                        : activePerson(who);
        long opening = texts.price(Words.word(random.key1, number));
        long ahead = Settings.OPEN_AUCTIONS * settings.cycle() / settings.auctions;
        long horizon = Math.min(Math.max(2 * (settings.millis(number + ahead) - millis), 1), 1L << 31);
        BinaryStringData name = texts.phrase((int) (places >>> 16 & 0xFFFF), 3 + (int) ((lengths >>> 32 & 0xFF) * 17 >>> 8));
        BinaryStringData description =
                texts.phrase((int) (places >>> 32 & 0xFFFF), 3 + (int) ((lengths >>> 40 & 0xFF) * 97 >>> 8));
        auction.setField(0, lastAuction() + Settings.FIRST_AUCTION);
        auction.setField(1, name);
        auction.setField(2, description);
        auction.setField(3, opening);
        auction.setField(4, opening + texts.price(Words.word(random.key2, number)));
        auction.setField(5, TimestampData.fromEpochMillis(millis));
        auction.setField(6, TimestampData.fromEpochMillis(millis + 1 + Words.low(lengths, horizon)));
        auction.setField(7, seller + Settings.FIRST_PERSON);
        auction.setField(8, Settings.FIRST_CATEGORY + Words.low(who, Settings.CATEGORIES));
        int rest = settings.auctionSize - 48 - name.getSizeInBytes() - description.getSizeInBytes();
        auction.setField(9, extra((int) (places >>> 48), rest, lengths, 48));
    }

    private void fillPerson() {
        long choices = Words.word(random.key0, number);
        long digits = Words.word(random.key1, number);
        long lengths = Words.word(random.key2, number);
        byte[] first = choice(Texts.FIRST_NAMES, choices, 0);
        byte[] last = choice(Texts.LAST_NAMES, choices, 16);
        byte[] name = new byte[first.length + 1 + last.length];
        System.arraycopy(first, 0, name, 0, first.length);
        name[first.length] = ' ';
        System.arraycopy(last, 0, name, first.length + 1, last.length);

        int local = 3 + (int) ((lengths & 0xFF) * 4 >>> 8);
        int domain = 3 + (int) ((lengths >>> 8 & 0xFF) * 2 >>> 8);
        byte[] email = new byte[local + 1 + domain + 4];
        letters(email, 0, local, Words.word(random.key3, number));
        email[local] = '@';
        letters(email, local + 1, domain, Words.word(random.key4, number));
        System.arraycopy(COM, 0, email, local + 1 + domain, 4);

        byte[] card = new byte[19];
        for (int part = 0; part < 4; part++) {
            long rest = Words.sixteen(digits, 16 * part, 10_000);
            for (int digit = 3; digit >= 0; digit--) {
                card[part * 5 + digit] = (byte) ('0' + rest % 10);
                rest /= 10;
            }
            if (part < 3) {
                card[part * 5 + 4] = ' ';
            }
        }
        byte[] city = choice(Texts.CITIES, choices, 32);
        byte[] state = choice(Texts.STATES, choices, 48);
        int size = 8 + name.length + email.length + card.length + city.length + state.length;
        person.setField(0, lastPerson() + Settings.FIRST_PERSON);
        person.setField(1, BinaryStringData.fromBytes(name));
        person.setField(2, BinaryStringData.fromBytes(email));
        person.setField(3, BinaryStringData.fromBytes(card));
        person.setField(4, BinaryStringData.fromBytes(city));
        person.setField(5, BinaryStringData.fromBytes(state));
        person.setField(6, TimestampData.fromEpochMillis(millis));
        person.setField(7, extra((int) (lengths >>> 16 & 0xFFFF), settings.personSize - size, lengths, 32));
    }

    private static final byte[] COM = {'.', 'c', 'o', 'm'};

    private static byte[] choice(byte[][] list, long word, int shift) {
        return list[(int) Words.sixteen(word, shift, list.length)];
    }

    private static void letters(byte[] target, int at, int count, long word) {
        for (int i = 0; i < count; i++) {
            target[at + i] = (byte) ('a' + ((word >>> 8 * i & 0xFF) * 26 >>> 8));
        }
    }

    /** A text of `rest` bytes on average, up to a fifth more or less. */
    private StringData extra(int offset, int rest, long word, int shift) {
        rest = Math.max(0, rest);
        int delta = (2 * rest + 5) / 10;
        return texts.extra(offset, rest - delta + (int) Words.sixteen(word, shift, 2L * delta));
    }
}
