/** The conformance suite on every fourth store, from the fourth one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(3)
