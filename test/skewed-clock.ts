/** Loaded before a program. Sets its clock off by `CLOCK_SKEW` milliseconds, or to another time ten times a second (`steps`). */
const RealDate = Date
const day = 86_400_000
const year = 365 * day
const { CLOCK_SKEW: skew = '0' } = process.env

let offset = skew === 'steps' ? 0 : Number(skew)
if (skew === 'steps') {
  // Between a day behind and a year ahead.
  const step = () => {
    offset = Math.random() * (year + day) - day
  }
  step()
  setInterval(step, 100).unref()
}

class SkewedDate extends RealDate {
  constructor(...given: [] | [value: number | string | Date]) {
    if (given.length === 0) super(RealDate.now() + offset)
    else super(...(given as [number]))
  }

  static override now(): number {
    return RealDate.now() + offset
  }
}

globalThis.Date = SkewedDate as DateConstructor
