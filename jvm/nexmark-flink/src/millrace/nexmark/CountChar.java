package millrace.nexmark;

import org.apache.flink.table.functions.ScalarFunction;

/** `count_char(text, character)`: how often the character occurs. */
public final class CountChar extends ScalarFunction {
    private static final long serialVersionUID = 1;

    public Long eval(String text, String character) {
        if (text == null || character == null) {
            return null;
        }
        long count = 0;
        if (!character.isEmpty()) {
            for (int i = 0; i < text.length(); i++) {
                if (text.charAt(i) == character.charAt(0)) {
                    count++;
                }
            }
        }
        return count;
    }
}
