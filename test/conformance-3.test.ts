/** Every fourth case of the conformance suite on each store, from the third one on. */
import { conformEveryFourth } from './conform.ts'

conformEveryFourth(2)
