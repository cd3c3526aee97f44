import { conformEverySecond } from './conform.ts'

conformEverySecond(1)
