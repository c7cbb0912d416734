import MillraceStreams
import Testing
