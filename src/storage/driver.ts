/**
 * Names a driver that is not installed. A driver is imported when a store first needs it, directly in a `try` block of
 * a function: bundlers stop at any other import of a package that is not installed.
 */
import { MissingDriverError } from '../errors/index.ts'

/**
 * Returns a MissingDriverError if the import has failed because the driver's package is not installed; else `error`.
 */
export function driverError(driver: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  // A bundle in CommonJS requires what the code imports.
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  return isMissing ? new MissingDriverError(driver, error) : error
}
