package millrace.nexmark;

import java.io.Serializable;

/** What an event's values depend on besides its number: NexmarkSettings of the Swift connector, its defaults included. */
final class Settings implements Serializable {
    private static final long serialVersionUID = 1;

    long persons = 1;
    long auctions = 3;
    long bids = 46;
    /** Events per second of event time. */
    long rate = 10_000;
    /** Milliseconds since 1970 of event 0. */
    long baseMillis = 1_436_918_400_000L;
    long seed;
    long hotAuctions = 2;
    long hotBidders = 4;
    long hotSellers = 4;
    int personSize = 200;
    int auctionSize = 500;
    int bidSize = 100;
    /** 0: without end. */
    long events;
    int splits = 1;
    /** Milliseconds of event time. */
    long disorderMillis;

    static final long FIRST_PERSON = 1000;
    static final long FIRST_AUCTION = 1000;
    static final long FIRST_CATEGORY = 10;
    static final long CATEGORIES = 5;
    static final long OPEN_AUCTIONS = 100;
    static final long ACTIVE_PERSONS = 1000;
    static final long LEAD = 10;
    static final long HOT_BATCH = 100;

    long cycle() {
        return persons + auctions + bids;
    }

    long millis(long event) {
        return baseMillis + event * 1000 / rate;
    }
}
