/** The parameters that several routes take. A parameter without text counts as absent. */
import { z } from '@hono/zod-openapi'

const absentIfEmpty = <Text extends string>(text: Text | undefined): Text | undefined =>
  text === '' ? undefined : text

/** A text that may be left out. */
export const text = (description: string) =>
  z.string().optional().transform(absentIfEmpty).openapi({ description, type: 'string' })

/** A text that must be given, such as the id of a stream. It may contain any character. */
export const required = (description: string) =>
  z.string().min(1, 'must not be empty').openapi({ description })

/** A whole number of at least `least`, that may be left out. */
export const whole = (least: number, description: string) =>
  z
    .string()
    .optional()
    .transform(absentIfEmpty)
    .pipe(
      z
        .string()
        .regex(/^\d{1,16}$/, 'must be a whole number')
        .transform(Number)
        .pipe(z.number().int().min(least).max(Number.MAX_SAFE_INTEGER))
        .optional(),
    )
    .openapi({ description, type: 'integer', minimum: least })

/** A whole number of at least `least`. */
export const requiredWhole = (least: number, description: string) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().int().min(least).max(Number.MAX_SAFE_INTEGER))
    .openapi({ description, type: 'integer', minimum: least })

/** Types of events, by the names under which they are stored. The parameter may be repeated. */
export const types = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((given) => {
    const names = [given ?? []].flat().filter((name) => name !== '')
    return names.length === 0 ? undefined : names
  })
  .openapi({
    description: 'only events of this type, as it is stored; may be repeated',
    type: 'array',
    items: { type: 'string' },
  })

/** The query of a route without parameters. */
export const noParameters = z.strictObject({})

/** The largest number of results of a page. */
export const pageSize = z
  .string()
  .optional()
  .transform((given) => absentIfEmpty(given) ?? '50')
  .pipe(
    z
      .string()
      .regex(/^\d{1,16}$/, 'must be a whole number')
      .transform(Number)
      .pipe(z.number().int().min(1).max(500)),
  )
  .openapi({
    description: 'the largest number of results',
    ...{ type: 'integer', minimum: 1, maximum: 500, default: 50 },
  })

export const streamPrefix = text('only events of streams whose id begins with this text')
