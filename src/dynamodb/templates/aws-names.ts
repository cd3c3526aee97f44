/** Checks names of AWS: regions, accounts and encryption keys. */
import { readSafely, refuse } from '../../storage/index.ts'

const matches = (value: unknown, form: RegExp): value is string =>
  typeof value === 'string' && form.test(value)

/** Checks a region, such as `eu-west-1`. @throws InvalidInputError */
export function checkRegion(value: unknown, field: string): asserts value is string {
  if (!matches(value, /^[a-z]{2,8}(-[a-z]{1,20}){1,3}-[0-9]{1,2}$/)) {
    refuse(field, "must be an AWS region, such as 'eu-west-1'", value)
  }
}

/** Checks an account number. @throws InvalidInputError */
export function checkAccount(value: unknown, field: string): asserts value is string {
  if (!matches(value, /^[0-9]{12}$/)) refuse(field, 'must be an AWS account number of 12 digits', value)
}

/**
 * Checks the ARN of a KMS key. An id or an alias is refused: Terraform takes only the ARN of a key, and a policy names
 * only ARNs.
 *
 * @throws InvalidInputError
 */
export function checkKmsKey(value: unknown, field: string): asserts value is string {
  if (!matches(value, /^arn:aws[a-z-]{0,10}:kms:[a-z0-9-]{1,40}:[0-9]{12}:key\/[A-Za-z0-9-]{1,64}$/)) {
    refuse(field, "must be the ARN of a KMS key, such as 'arn:aws:kms:eu-west-1:123456789012:key/…'", value)
  }
}

/** Checks the name or the ARN of a Lambda function, also of a version or an alias. @throws InvalidInputError */
export function checkFunctionName(value: unknown, field: string): asserts value is string {
  const arn = 'arn:aws[a-z-]{0,10}:lambda:[a-z0-9-]{1,40}:[0-9]{12}:function:'
  if (!matches(value, new RegExp(`^(${arn})?[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$`))) {
    refuse(field, 'must be the name or the ARN of a Lambda function', value)
  }
}

/** Checks the ARN of a queue or a topic. @throws InvalidInputError */
export function checkDestination(value: unknown, field: string): asserts value is string {
  if (!matches(value, /^arn:aws[a-z-]{0,10}:s[qn]s:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$/)) {
    refuse(field, 'must be the ARN of an SQS queue or an SNS topic', value)
  }
}

/** The region in the ARN of a KMS key. */
export const regionOfKey = (arn: string): string => arn.split(':')[3] as string

/** Copies the entries of an object that a caller passed. @throws InvalidInputError if it is none */
export function entriesOf(value: unknown, field: string): readonly (readonly [string, unknown])[] {
  return readSafely(field, value, () => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      refuse(field, 'must be an object', value)
    }
    return Object.entries(value)
  })
}
