import MillraceMacros
import Testing
