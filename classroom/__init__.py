"""What surrounds the LLM in a lesson: texts whose truth is known, checks, quizzes, pages, drawings.

The order of imports, after all of `helpers`: each module takes only from those before it.

words: worlds.english worlds.grammar.nodes worlds.grammar.notation worlds.grammar.grammar
worlds: worlds.tales worlds.tale_probes worlds.inbox worlds.debts worlds.tasks.words worlds.tasks.rules
tasks: worlds.tasks.answers worlds.tasks.sentences worlds.tasks.items worlds.tasks.tasks
more: worlds.practice worlds.course_qa worlds.new_tasks worlds.manners worlds.passages worlds.processes
family: worlds.translation worlds.tale_words worlds.recall worlds.digits
drawing: whiteboard.ink whiteboard.geometry whiteboard.ledger whiteboard.faults whiteboard.svg
board: whiteboard.paper whiteboard.shapes whiteboard.chart whiteboard.board whiteboard.six_tokens
pictures: pages.token_view pages.embedding_view pages.attention_view pages.bpe_view
drawings: drawings.attention_drawings drawings.attention_plots drawings.anatomy drawings.blueprints drawings.plots_field
figures: drawings.ground_plots drawings.token_plots drawings.bpe_plots drawings.embedding_plots drawings.architecture_plots
beyond: drawings.llama_plots drawings.scaling_plots drawings.family_plots drawings.classifier_plots drawings.instruction_plots drawings.training_plots
preferences: drawings.preference_plots
progress: study.progress turns.registry turns.guard turns.source turns.imports turns.kept turns.trial turns.rescue turns.turn turns.layer_checks turns
knobs: pages.knobs pages.sampling_view pages.tokenizer_view pages.merge_view
talk: pages.chat_server pages.talkers pages.chat_window pages.chat_stream
explorers: pages.training_view pages.landscape_view pages.embedding_explorer
mine: mine.settings mine.tokenizer mine.data mine.model mine.sampling mine.files mine.training mine.command mine.answers mine.labels mine.chat mine.outline mine.assemble
study: study.flash_cards study.quiz_bank study.quiz study.question_writer study.question_generator
card: study.measure study.report_card mine.desk mine.carry
all: pages.widgets
"""
