/**
 * Checks PromQL against the existing metrics: finds unknown metrics and labels, and the labels of the result.
 */
import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** By the name of a series, the labels that it may have, those of its target included. */
export type Series = ReadonlyMap<string, ReadonlySet<string>>;

export interface Matcher {
  readonly metric: string;
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

export interface Reading {
  /** What is wrong with the expression, each in a few words. */
  readonly faults: readonly string[];
  /** The labels of what it results in. */
  readonly labels: ReadonlySet<string>;
  /** The series that it asks for. */
  readonly metrics: readonly string[];
  readonly matchers: readonly Matcher[];
}

type Labels = ReadonlySet<string>;

const NONE: Labels = new Set();

/** Reads an expression. Grafana's interval is taken for five minutes, and its namespace for any. */
export function readPromql(source: string, series: Series): Reading {
  const text = source.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', '.+');
  const faults: string[] = [];
  const metrics: string[] = [];
  const matchers: Matcher[] = [];
  const write = (node: SyntaxNode) => text.slice(node.from, node.to);
  const writeIf = (node: SyntaxNode | null) => (node ? write(node) : '');
  const namesIn = (node: SyntaxNode | null) => (node?.getChildren('LabelName') ?? []).map(write);

  function demand(names: readonly string[], labels: Labels, where: SyntaxNode): void {
    for (const name of names) if (!labels.has(name)) faults.push(`no label ${name} in ${write(where)}`);
  }

  function readSelector(node: SyntaxNode): Labels {
    const metric = writeIf(node.getChild('Identifier'));
    const labels = series.get(metric);
    metrics.push(metric);
    if (!labels) faults.push(`no metric ${metric || write(node)}`);
    for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
      const [label = ''] = namesIn(matcher);
      if (labels) demand([label], labels, node);
      const operator = writeIf(matcher.getChild('MatchOp'));
      const value = writeIf(matcher.getChild('StringLiteral'));
      matchers.push({ metric, label, operator, value: value.slice(1, -1) });
    }
    return labels ?? NONE;
  }

  /** No expression here uses this so far. */
  function giveUp(node: SyntaxNode): Labels {
    faults.push(`nobody has looked into this yet: ${write(node)}`);
    return NONE;
  }

  /** The labels of what a node results in; undefined for a number. */
  function read(node: SyntaxNode): Labels | undefined {
    const body = () => expressionsOf(node.getChild('FunctionCallBody'));
    switch (node.name) {
      case 'VectorSelector':
        return readSelector(node);
      case 'NumberDurationLiteral':
        return undefined;
      case 'ParenExpr':
      case 'MatrixSelector':
      case 'SubqueryExpr':
      case 'OffsetExpr': {
        const [inner] = expressionsOf(node);
        return inner && read(inner);
      }
      case 'FunctionCall': {
        const name = writeIf(node.getChild('FunctionIdentifier'));
        const before = matchers.length;
        const labels = body().map(read).find(Boolean);
        // What is not there has those labels alone that were asked for.
        const equal = matchers.slice(before).filter(({ operator }) => operator === '=');
        if (name.startsWith('absent')) return new Set(equal.map(({ label }) => label));
        if (name !== 'histogram_quantile') return labels;
        demand(['le'], labels ?? NONE, node);
        return labels?.difference(new Set(['le']));
      }
      case 'AggregateExpr': {
        const [inner] = body().map(read).slice(-1);
        const modifier = node.getChild('AggregateModifier');
        if (modifier && !modifier.getChild('By')) return giveUp(modifier);
        const names = namesIn(modifier?.getChild('GroupingLabels') ?? null);
        demand(names, inner ?? NONE, node);
        return new Set(names);
      }
      case 'BinaryExpr':
        return readBinary(node);
      default:
        return giveUp(node);
    }
  }

  function readBinary(node: SyntaxNode): Labels | undefined {
    const [left, right] = expressionsOf(node).map(read);
    if (!left || !right) return left ?? right;
    if (node.getChild('Or')) return left.intersection(right);
    const clause = node.getChild('MatchingModifierClause');
    if (clause) {
      // The result has all labels of the left side, which may have many series.
      if (!clause.getChild('On') || !(clause.getChild('GroupLeft') || node.getChild('And'))) return giveUp(clause);
      for (const side of [left, right]) demand(namesIn(clause.getChild('GroupingLabels')), side, node);
      return left;
    }
    // What differs in any label never meets.
    if (left.symmetricDifference(right).size > 0) faults.push(`sides with other labels in ${write(node)}`);
    return left;
  }

  const tree = parser.parse(text);
  tree.iterate({
    enter({ type, from }) {
      if (type.isError) faults.push(`cannot be read from ${JSON.stringify(text.slice(from, from + 20))} on`);
    },
  });
  const [whole] = expressionsOf(tree.topNode);
  return { labels: (whole && faults.length === 0 && read(whole)) || NONE, faults, metrics, matchers };
}

/** The expressions right below a node, without the words and operators between them. */
function expressionsOf(node: SyntaxNode | null): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node?.firstChild; child; child = child.nextSibling)
    if (/^(?!(Offset)?Duration).*(Expr|Call|Selector|Literal)$/.test(child.name)) found.push(child);
  return found;
}
