/** The conformance suite on every fourth store, from the first one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(0)
