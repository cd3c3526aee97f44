/** The conformance suite on every fourth store, from the third one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(2)
