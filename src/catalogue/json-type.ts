/** Checks at compile time that a type has only values that JSON can carry. */

type Scalar = string | number | boolean | null | undefined

/** Most types that are JSON are assignable to this one, and the compiler finds that out with one cheap comparison. */
type Simple = Scalar | readonly Simple[] | { readonly [key: string]: Simple }

/** `true` if every value of the type is the same after `JSON.parse(JSON.stringify(value))`. */
export type IsJson<T> = T extends Simple ? true : T extends Explained<T> ? true : false

/** What to keep instead of a value that JSON cannot carry; `never` for other types. */
type Problem<T> = T extends bigint
  ? 'is a bigint, which is not JSON: keep a string'
  : T extends symbol
    ? 'is a symbol, which is not JSON: keep a string'
    : T extends (...parameters: never) => unknown
      ? 'is a function, which is not JSON: keep plain data, without methods'
      : T extends Date
        ? 'is a Date, which is not JSON: keep an ISO string'
        : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
          ? 'is a Map or a Set, which is not JSON: keep an object or an array'
          : T extends ArrayBufferView | ArrayBuffer
            ? 'is bytes, which are not JSON: keep base64 text'
            : never

/**
 * The type with its problem in place of each part that is not JSON. A type is JSON if it is assignable to the result. The
 * compiler looks at the members of an object only while it compares them, so a type may refer to itself.
 */
type Explained<T> = unknown extends T
  ? T
  : T extends Scalar
    ? T
    : [Problem<T>] extends [never]
      ? T extends readonly (infer Member)[]
        ? readonly Explained<Member>[]
        : { [Key in keyof T]: Key extends symbol ? T[Key] : Explained<T[Key]> }
      : Problem<T>

/** Says where a type is not JSON and why, such as `.deep.at is a Date, …`. Only for types for which `IsJson` is false. */
export type NotJson<T, Depth extends 0[] = []> = Depth['length'] extends 6
  ? ' has a part deep inside that is not JSON'
  : T extends Scalar
    ? never
    : [Problem<T>] extends [never]
      ? T extends readonly (infer Member)[]
        ? `[]${NotJson<Member, [...Depth, 0]>}`
        : {
            [Key in keyof T & string]: T[Key] extends Explained<T[Key]>
              ? never
              : `.${Key}${NotJson<T[Key], [...Depth, 0]>}`
          }[keyof T & string]
      : ` ${Problem<T>}`

/** Says why a state cannot be kept as JSON, in words that the compiler shows. `unknown`: nothing is wrong. */
export type KeptAsJson<State> =
  false extends IsJson<State> ? `the state has a part that is not JSON: state${NotJson<State>}` : unknown
