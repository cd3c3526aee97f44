import { conformEveryFourth } from './conform.ts'

conformEveryFourth(0)
