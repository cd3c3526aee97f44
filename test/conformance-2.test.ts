/** Every fourth case of the conformance suite on each store, from the second one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(1)
