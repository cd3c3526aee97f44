/** The conformance suite on every fourth store, from the second one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(1)
