//! Whether a refusal says that a member, or its value, is not supported where the call went: another channel may take it. Called with
//! refusals by the sidecar. Must never say so of what is wrong everywhere.

/// By its code; and, of those without one for it, by how its message begins, which cannot be a quotation: xAI, DeepSeek and Groq name
/// nothing before it but a model or a member, and OpenAI's imitators have its words and not its codes.
pub fn is_unsupported(code: Option<&str>, message: &str) -> bool {
    if matches!(code, Some("unsupported_parameter" | "unsupported_value")) {
        return true;
    }
    let begins = |beginning: &str| message.starts_with(beginning);
    let of_model = |message: &str| {
        let said = message.split_once(' ').map(|(_model, said)| said);
        let said = said.unwrap_or_default();
        said.starts_with("does not support parameter ")
            || said.starts_with("does not support the parameter `")
    };
    let of_member = |message: &str| {
        let quoted = message
            .strip_prefix('`')
            .and_then(|rest| rest.split_once('`'));
        quoted.is_some_and(|(_member, said)| said.starts_with(" is not supported with this model"))
    };
    begins("Unsupported parameter: '")
        || begins("Unsupported value: '")
        || begins("Argument not supported on this model: ")
        || of_model(message.strip_prefix("Model ").unwrap_or(message))
        || of_member(message)
}

#[cfg(test)]
mod tests {
    use super::is_unsupported;

    #[test]
    fn each_providers_own_words_for_it_are_known() {
        for message in [
            // yym68686/uni-api#105, n8n-io/n8n#14581
            "Argument not supported on this model: presencePenalty",
            // BerriAI/litellm#16265
            "Model grok-4-latest does not support parameter reasoningEffort.",
            // lollipopkit/flutter_gpt_box#213
            "deepseek-reasoner does not support the parameter `presence_penalty`",
            // ThinkInAIXYZ/deepchat#978
            "`reasoning_effort` is not supported with this model",
            // kd-research/Techies#42
            "Unsupported parameter: 'stop' is not supported with this model.",
            "Unsupported value: 'temperature' does not support 0.2 with this model.",
        ] {
            assert!(is_unsupported(None, message), "{message}");
        }
        for code in ["unsupported_parameter", "unsupported_value"] {
            assert!(is_unsupported(Some(code), "It is not."), "{code}");
        }
    }

    #[test]
    fn a_fault_of_the_callers_is_not_taken_for_it() {
        for (code, message) in [
            (Some("invalid_value"), "Invalid value: 'x'."),
            (
                Some("context_length_exceeded"),
                "This model's maximum context length is 8192 tokens.",
            ),
            (
                None,
                "Invalid schema for function 'f': \"Model x does not support parameter y\"",
            ),
            (
                None,
                "messages[0].content: Argument not supported on this model: stop",
            ),
            (
                Some("invalid_request_error"),
                "Unrecognized request argument supplied: frobnicate",
            ),
            (None, ""),
        ] {
            assert!(!is_unsupported(code, message), "{message}");
        }
    }
}
