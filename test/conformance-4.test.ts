import { conformEveryFourth } from './conform.ts'

conformEveryFourth(3)
