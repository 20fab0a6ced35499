"""What the importer says when a file, a mapping or the platform is not as it must be."""

from __future__ import annotations

from shared.bilingual import Text

NO_FILE = Text(
    "Name the file to import; `minsheng import --help` tells more.",
    "请写明要导入的文件；`minsheng import --help` 有说明。",
)
NO_KEYS = Text(
    "No channel key: give --key, or set MINSHENG_CHANNEL_KEYS where the deployment's keys are.",
    "没有渠道密钥：请给出 --key，或设置该部署的 MINSHENG_CHANNEL_KEYS。",
)
NO_KEY = Text(
    "There is no key for the channel {channel}, which rows of the file have: give it with --key.",
    "没有渠道 {channel} 的密钥，而文件中有属于该渠道的行：请用 --key 给出。",
)
BAD_KEY = Text(
    "A channel key begins with ch_ and names its channel; `minsheng token --channel` prints it.",
    "渠道密钥以 ch_ 开头并含有渠道名；`minsheng token --channel` 可打印。",
)
NO_ROWS = Text("{file} has no rows: nothing to import.", "{file} 中没有任何行，无可导入。")
NO_COLUMN = Text(
    "{file} has no column {lacking}, which the mapping {mapping} reads; its columns are {columns}. Correct the "
    "mapping, or give what may be missing `optional: true`.",
    "{file} 没有映射 {mapping} 要读的列 {lacking}；它的列是 {columns}。请改正映射，"
    "可以没有的列请写上 `optional: true`。",
)
CHANGED = {
    "version": Text("the version of the platform", "平台版本"),
    "file": Text("the file's content", "文件内容"),
    "mapping": Text("the mapping", "映射"),
    "channel": Text("--channel", "--channel（渠道）"),
    "timezone": Text("--timezone", "--timezone（时区）"),
    "encoding": Text("the encoding", "编码"),
    "url": Text("the address, --url", "地址 --url"),
}
"""What of an import may be another than before, by its name in the journal."""
STATE_NOT_WRITTEN = Text(
    "{path} can't be written. Name a file elsewhere with --state.", "无法写入 {path}。请用 --state 另指定一个文件。"
)
ANOTHER_IMPORT = Text(
    "{path} is of another import: {changed} changed since. Give another file with --state, or --restart to begin anew "
    "(what was accepted is not doubled).",
    "{path} 属于另一次导入：此后 {changed} 有变化。请用 --state 另指定文件，或用 --restart 重新开始"
    "（已受理的不会重复）。",
)
WORKBOOK = Text(
    "{path} is a workbook: save its sheet as CSV (UTF-8) and import that.",
    "{path} 是电子表格工作簿：请把工作表另存为 CSV（UTF-8）再导入。",
)
UNKNOWN_KIND = Text(
    "What {path} holds is told by its suffix: give a file that is one of {known}.",
    "文件种类由后缀判断，{path} 不在其列：请使用 {known} 之一。",
)
NOT_READ = Text("{path} can't be read: {reason}.", "无法读取 {path}：{reason}。")
JSON_ARRAY = Text(
    "{path} is one JSON array: write one object a line, for example with `jq -c '.[]' {name} > {stem}.jsonl`.",
    "{path} 是一个 JSON 数组：请改为每行一个对象，例如 `jq -c '.[]' {name} > {stem}.jsonl`。",
)
BAD_HEAD = Text("{path} can't be imported: {reason}.", "{path} 无法导入：{reason}。")
HEAD_NOT_READ = Text(
    "The first line of {path} can't be read: {reason}. Name its encoding with --encoding.",
    "无法读取 {path} 的第一行：{reason}。请用 --encoding 写明编码。",
)
SAME_NAME = Text(
    "two columns have the same name, {name!r}: rename one in the first line, or drop it",
    "有两列同名，均为 {name!r}：请在第一行改掉一个，或删去该列",
)
NO_NAMES = Text("its first line names no column", "第一行没有任何列名")
HEAD_QUOTE = Text(
    "a quote in its first line is not closed, or stands within a name without being doubled",
    "第一行有引号没有闭合，或列名中的引号没有成双",
)
PERHAPS_UTF16 = Text(
    "{path} is not UTF-8 or GB18030, but perhaps UTF-16 without its mark: save it as UTF-8, or name its encoding, for "
    "example --encoding utf-16-le.",
    "{path} 不是 UTF-8 或 GB18030，可能是没有标记的 UTF-16：请另存为 UTF-8，或写明编码，例如 --encoding utf-16-le。",
)
NO_ENCODING = Text(
    "There is no encoding {asked!r}; UTF-8 and GB18030 are the usual ones.",
    "没有 {asked!r} 这种编码；常用的是 UTF-8 和 GB18030。",
)
NO_ZONE = Text("{name!r} is not a time zone such as {example}", "{name!r} 不是时区名；时区名的写法如 {example}")
MAPPING_NOT_READ = Text(
    "The mapping {path} can't be read ({reason}). Give auto, {known}, or the path of a YAML file.",
    "无法读取映射 {path}（{reason}）。请给出 auto、{known}，或一个 YAML 文件的路径。",
)
MAPPING_NOT_YAML = Text("The mapping {path} is not YAML: {reason}", "映射 {path} 不是 YAML：{reason}")
MAPPING_WRONG = Text("The mapping {path} is wrong at {place}: {reason}.", "映射 {path} 的 {place} 处有误：{reason}。")
NO_MAPPING = Text(
    "No mapping fits the columns {columns}. Name one of {known} with --mapping, or write a mapping file: {example} is "
    "a short example.",
    "没有映射适合这些列：{columns}。请用 --mapping 指定 {known} 之一，或自己写一个映射文件：{example} 是个简短的例子。",
)
NOT_INTAKE = Text("{url} is not intake's address; give it with --url.", "{url} 不是受理服务的地址；请用 --url 写明。")
NO_CHANNEL = Text(
    "The platform has no channel {channel}. Name one of its registry with --channel, or in the mapping.",
    "平台没有渠道 {channel}。请用 --channel 或在映射中写明渠道表里有的渠道。",
)
KEY_REFUSED = Text(
    "The platform refuses the key of channel {channel}: {reason}", "平台不认可渠道 {channel} 的密钥：{reason}"
)
NO_ANSWER = Text(
    "No answer from {url} for {seconds:g} seconds: {reason}. See whether intake is ready (/readyz), then give the same "
    "command again: it goes on where it stopped.",
    "{url} 已 {seconds:g} 秒没有应答：{reason}。请查看受理服务是否就绪（/readyz），然后再执行同一条命令："
    "它会从中断处继续。",
)
REFUSED = Text("{url} refuses the posts with {reason}", "{url} 拒绝接收：{reason}")
STOPPED = Text("Stopped. Give the same command again to go on.", "已停止。再执行同一条命令即可继续。")
