// Lints GraphQL with the rules of GraphOS's schema linter. Biome lints everything else. Each GraphOS rule, and its
// equivalent here:
//
// - DOES_NOT_PARSE: the parser.
// - FIELD_NAMES_, INPUT_ARGUMENT_NAMES_ and DIRECTIVE_NAMES_SHOULD_BE_CAMEL_CASE, TYPE_NAMES_SHOULD_BE_PASCAL_CASE,
//   ENUM_VALUES_SHOULD_BE_SCREAMING_SNAKE_CASE, INPUT_TYPE_SUFFIX, RESTY_FIELD_NAMES (stricter of queries), and TYPE_,
//   OBJECT_, INTERFACE_ and ENUM_PREFIX and _SUFFIX: naming-convention.
// - ENUM_USED_AS_OUTPUT_DESPITE_SUFFIX: naming-convention; no enum is called Input.
// - ENUM_USED_AS_INPUT_WITHOUT_SUFFIX: none. A state is both output and input, and the names of both
//   enums are part of the public API.
// - ALL_ELEMENTS_REQUIRE_DESCRIPTION: require-description.
// - DEFINED_TYPES_ARE_UNUSED: no-unreachable-types.
// - DEPRECATED_DIRECTIVE_MISSING_REASON: require-deprecation-reason.
// - QUERY_DOCUMENT_DECLARATION, TAG_DIRECTIVE_USES_UNKNOWN_NAME: no-restricted-syntax.
// - CONTACT_DIRECTIVE_MISSING: none. Only the company knows the contact.
// - The rules of composition (INCONSISTENT_…, OVERRIDE_…, UNUSED_ENUM_TYPE): hints of composition, in test/federation/schema.test.ts.
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import graphql from '@graphql-eslint/eslint-plugin';
import { parse, printSchema } from 'graphql';

const FILE = new URL('schema/maintenance.graphql', import.meta.url);
// The schema as served: the file alone does not define federation's directives.
const schema = printSchema(buildSubgraphSchema([{ typeDefs: parse(readFileSync(FILE, 'utf8')) }]));

const ROOTS = 'Query|Mutation';

/** The names that @tag may have. */
const TAGS = ['personal-data'];

// An option for a kind of type takes the place of the one for all types.
const type = (...words) => ({
  style: 'PascalCase',
  forbiddenPatterns: ['Type', ...words].map((word) => new RegExp(`^${word}|${word}$`)),
});
const verbs = (...words) => new RegExp(`^(${words.join('|')})(?![a-z])`);

const common = {
  plugins: { '@graphql-eslint': graphql },
  languageOptions: {
    parser: graphql.parser,
    parserOptions: { graphQLConfig: { schema, documents: 'examples/*.graphql' } },
  },
  linterOptions: { reportUnusedDisableDirectives: 'error' },
};

export default [
  {
    ...common,
    files: ['schema/*.graphql'],
    rules: {
      '@graphql-eslint/naming-convention': [
        'error',
        {
          types: type(),
          FieldDefinition: {
            style: 'camelCase',
            forbiddenPatterns: [verbs('get', 'list', 'post', 'put', 'patch')],
          },
          'FieldDefinition[parent.name.value=Query]': {
            forbiddenPatterns: [verbs('create', 'delete', 'fetch', 'find', 'query', 'read', 'search', 'update')],
          },
          InputValueDefinition: 'camelCase',
          DirectiveDefinition: 'camelCase',
          EnumValueDefinition: 'UPPER_CASE',
          ObjectTypeDefinition: type('Object'),
          InterfaceTypeDefinition: type('Interface'),
          EnumTypeDefinition: type('Enum', 'Input'),
          InputObjectTypeDefinition: { ...type(), requiredPattern: /Input$/ },
        },
      ],
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
          ignoredSelectors: [`ObjectTypeDefinition[name.value=/^(${ROOTS})$/]`],
        },
      ],
      '@graphql-eslint/description-style': ['error', { style: 'block' }],
      '@graphql-eslint/no-hashtag-description': 'error',
      '@graphql-eslint/no-unreachable-types': 'error',
      '@graphql-eslint/require-deprecation-reason': 'error',
      '@graphql-eslint/require-nullable-result-in-root': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'OperationDefinition, FragmentDefinition', message: 'A schema holds no operations.' },
        {
          // Composition would copy the description to the whole company's root types; two routers cannot parse it on `schema`.
          selector: `:matches(SchemaDefinition, SchemaExtension, ObjectTypeDefinition[name.value=/^(${ROOTS})$/]) > .description`,
          message: 'Do not describe the schema or its root types.',
        },
        {
          selector: `Directive[name.value="tag"] > Argument > StringValue:not([value=/^(${TAGS.join('|')})$/])`,
          message: `@tag may name ${TAGS.join(', ')}.`,
        },
      ],
    },
  },
  {
    ...common,
    files: ['examples/*.graphql'],
    rules: {
      ...graphql.configs['flat/operations-recommended'].rules,
      // Ids everywhere are for a client's cache; an example shows what it is about.
      '@graphql-eslint/require-selections': 'off',
    },
  },
  {
    ...common,
    files: ['apps/**/*.graphql'],
    // Only rules that need no schema: `npm run schema:check` validates these operations against the supergraph.
    rules: {
      '@graphql-eslint/executable-definitions': 'error',
      '@graphql-eslint/no-anonymous-operations': 'error',
      '@graphql-eslint/no-duplicate-fields': 'error',
    },
  },
];
