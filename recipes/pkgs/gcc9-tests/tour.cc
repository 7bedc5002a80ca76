// A tour of C++17 and its library: what the headers make at compile time, exceptions, and what libstdc++.a holds.
#include <algorithm>
#include <any>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

template <class... F> struct Overloaded : F... { using F::operator()...; };
template <class... F> Overloaded(F...) -> Overloaded<F...>;

using Value = std::variant<int, double, std::string>;

std::string describe(const Value &value)
{
    return std::visit(Overloaded{
        [](int n) { return "int " + std::to_string(n); },
        [](double d) { return "double " + std::to_string(d); },
        [](const std::string &s) { return "string " + s; },
    }, value);
}

constexpr unsigned fibonacci(unsigned n)
{
    unsigned a = 0, b = 1;
    for (; n > 0; n--) {
        const unsigned next = a + b;
        a = b;
        b = next;
    }
    return a;
}
static_assert(fibonacci(10) == 55);

template <class... T> constexpr auto sum(T... all) { return (all + ... + 0); }
static_assert(sum(1, 2, 3) == 6);

template <class T> std::string kind(T)
{
    if constexpr (std::is_integral_v<T>)
        return "integral";
    else if constexpr (std::is_floating_point_v<T>)
        return "floating";
    else
        return "other";
}

struct Guard {
    int &count;
    explicit Guard(int &count) : count(count) { ++count; }
    ~Guard() { --count; }
};

int deep(int n, int &alive)
{
    Guard here(alive);
    if (n == 0)
        throw std::out_of_range("the bottom");
    return deep(n - 1, alive) + 1;
}

inline std::vector<std::string> notes;
thread_local int of_this_thread = 7;

} // namespace

int main()
{
    for (const Value &value : {Value(1), Value(2.5), Value("three")})
        std::cout << describe(value) << '\n';

    std::map<std::string, int, std::less<>> words;
    std::istringstream text("one two one three two one");
    for (std::string word; text >> word;)
        ++words[word];
    for (const auto &[word, count] : words)
        std::cout << word << '=' << count << ' ';
    std::cout << kind(1) << ' ' << kind(1.0) << ' ' << kind("") << '\n';

    int alive = 0;
    try {
        deep(1000, alive);
    } catch (const std::logic_error &error) {
        std::cout << error.what() << ", " << alive << " alive\n";
    }
    try {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            std::throw_with_nested(std::runtime_error("outer"));
        }
    } catch (const std::exception &error) {
        std::cout << error.what();
        try {
            std::rethrow_if_nested(error);
        } catch (const std::exception &inner) {
            std::cout << " of " << inner.what() << '\n';
        }
    }

    std::optional<std::string_view> found;
    std::string line = "key = value";
    if (std::smatch match; std::regex_match(line, match, std::regex(R"((\w+)\s*=\s*(\w+))")))
        found = std::string_view(line).substr(match.position(2), match.length(2));
    std::cout << found.value_or("none") << '\n';

    std::mt19937_64 random(1);
    std::vector<std::uint64_t> numbers(1000);
    std::generate(numbers.begin(), numbers.end(), std::ref(random));
    std::sort(numbers.begin(), numbers.end());
    std::cout << std::accumulate(numbers.begin(), numbers.end(), std::uint64_t()) << ' ' << numbers.front() << '\n';

    std::unordered_map<std::string, std::any> bag{{"n", 5}, {"s", std::string("text")}};
    std::cout << std::any_cast<int>(bag["n"]) << ' ' << std::any_cast<std::string>(bag["s"]).size() << '\n';
    try {
        std::any_cast<double>(bag["n"]);
    } catch (const std::bad_any_cast &) {
        std::cout << "no double\n";
    }

    int parsed = 0;
    const std::string_view digits = "1729!";
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
    std::cout << parsed << ' ' << *end << ' ' << (error == std::errc()) << '\n';

    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / "tour-files" / "a" / "b";
    fs::create_directories(folder);
    std::ofstream(folder / "file") << "twelve bytes";
    std::cout << fs::file_size(folder / "file") << ' ' << fs::remove_all(folder.parent_path().parent_path()) << '\n';

    auto shared = std::make_shared<std::tuple<int, std::string>>(3, "shared");
    std::weak_ptr weak = shared;
    const auto &[n, s] = *shared;
    std::cout << n << ' ' << s << ' ' << shared.use_count() << ' ' << weak.expired() << ' ' << of_this_thread << '\n';
    using namespace std::chrono_literals;
    std::cout << std::chrono::duration_cast<std::chrono::seconds>(90min).count() << ' ' << 0x1.8p1 << ' ' << 1'000 << '\n';
}
