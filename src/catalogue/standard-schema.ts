/**
 * The interface that schema libraries share, so that a catalogue takes schemas of zod, Valibot, ArkType and others without
 * a dependency on one of them. It follows the Standard Schema specification, version 1.1 (https://standardschema.dev).
 */

/** A schema that validates a value of the type `Input`, and returns a value of the type `Output`. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    /** The name of the schema library. */
    readonly vendor: string
    /** Returns the valid value, or what is wrong with it. A catalogue refuses a promise. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** For the compiler only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    /** Returns the JSON Schema of the values. Libraries that implement the specification's JSON Schema part have it. */
    readonly jsonSchema?: StandardJsonSchema | undefined
  }
}

/** The part of the specification that describes a schema as a JSON Schema. */
interface StandardJsonSchema {
  readonly output: (options: { readonly target: 'draft-2020-12' | 'draft-07' }) => Record<string, unknown>
}

/** The outcome of a validation: a value, or at least one issue. */
type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One reason why a value is not valid, and where in the value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The type that a schema accepts. */
export type InputOf<Schema> =
  // biome-ignore lint/suspicious/noExplicitAny: a schema of any type
  Schema extends StandardSchema<any, any> ? NonNullable<Schema['~standard']['types']>['input'] : never

/** The type that a schema returns. */
export type OutputOf<Schema> =
  // biome-ignore lint/suspicious/noExplicitAny: a schema of any type
  Schema extends StandardSchema<any, any> ? NonNullable<Schema['~standard']['types']>['output'] : never
