/** Every fourth case of the conformance suite on each store, from the first one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(0)
