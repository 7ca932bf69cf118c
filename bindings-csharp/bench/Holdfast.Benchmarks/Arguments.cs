using System.Globalization;

namespace Holdfast.Benchmarks;

/// <summary>Names, and options <c>--name value</c>. Options and names that nobody asks for are mistakes.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];

    internal Arguments(ReadOnlySpan<string> given)
    {
        while (given is [var argument, ..])
        {
            given = given[1..];
            if (!argument.StartsWith("--", StringComparison.Ordinal))
            {
                _names.Add(argument);
                continue;
            }

            if (given is not [var value, ..])
            {
                throw new ArgumentsException($"Option '{argument}' has no value.");
            }

            _options[argument[2..]] = value;
            given = given[1..];
        }
    }

    /// <summary>Takes an option that is a number of at least 1.</summary>
    internal int Number(string option, int byDefault)
    {
        if (!_options.Remove(option, out string? text))
        {
            return byDefault;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new ArgumentsException($"Option '--{option}' takes a number from 1 on, not '{text}'.");
    }

    /// <summary>Takes an option that is free text.</summary>
    internal string Text(string option, string byDefault) => _options.Remove(option, out string? text) ? text : byDefault;

    /// <summary>Takes an option that is one of some words; the first is the default.</summary>
    internal string Word(string option, params ReadOnlySpan<string> words)
    {
        string word = Text(option, words[0]);
        return words.Contains(word)
            ? word
            : throw new ArgumentsException(
                $"Option '--{option}' takes {string.Join(", ", words.ToArray())}, not '{word}'.");
    }

    /// <summary>Takes the names, each of which is one of some words.</summary>
    internal string[] Names(params ReadOnlySpan<string> words)
    {
        foreach (string name in _names)
        {
            if (!words.Contains(name))
            {
                throw new ArgumentsException($"There is no '{name}' here.");
            }
        }

        string[] names = [.. _names];
        _names.Clear();
        return names;
    }

    /// <summary>After everything was taken: what is left was meant for something else.</summary>
    internal void RequireNothingLeft()
    {
        if (_names.Concat(_options.Keys.Select(static name => "--" + name)).FirstOrDefault() is { } unknown)
        {
            throw new ArgumentsException($"This mode does not know '{unknown}'.");
        }
    }
}
