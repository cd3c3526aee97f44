/** Numbers as text. */
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** `1,234,567` */
export const digits = (value: number): string => whole.format(value)

/** `1.2M`; below 10, with one digit after the point. */
export const shortDigits = (value: number): string => short.format(value)

/** `1 event`, `1,200 events`. `many`: the plural. @default the noun with an s */
export const counted = (count: number, noun: string, many = `${noun}s`): string =>
  `${digits(count)} ${count === 1 ? noun : many}`
