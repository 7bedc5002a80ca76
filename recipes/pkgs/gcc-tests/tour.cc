// A tour of C++98: templates, exceptions through frames with destructors, run-time types, streams, static objects.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

namespace {

struct Counted {
    static int alive;
    Counted() { ++alive; }
    Counted(const Counted &) { ++alive; }
    ~Counted() { --alive; }
};
int Counted::alive;

struct Shape {
    virtual ~Shape() {}
    virtual double area() const = 0;
};
struct Square : Shape {
    double side;
    explicit Square(double side) : side(side) {}
    double area() const { return side * side; }
};
struct Circle : virtual Shape {
    double radius;
    explicit Circle(double radius) : radius(radius) {}
    double area() const { return 3 * radius * radius; }
};

int deep(int n)
{
    Counted here;
    if (n == 0)
        throw std::out_of_range("the bottom");
    return deep(n - 1) + 1;
}

template <int N> struct Factorial { enum { value = N * Factorial<N - 1>::value }; };
template <> struct Factorial<0> { enum { value = 1 }; };

struct Before {
    Before() { std::cout << "before main\n"; }
} before;

} // namespace

int main()
{
    std::map<std::string, int> words;
    std::istringstream text("one two one three two one");
    for (std::string word; text >> word;)
        ++words[word];
    for (std::map<std::string, int>::const_iterator it = words.begin(); it != words.end(); ++it)
        std::cout << it->first << '=' << it->second << ' ';
    std::cout << '\n';

    try {
        deep(100);
    } catch (const std::logic_error &error) {
        std::cout << error.what() << ", " << Counted::alive << " alive\n";
    }
    try {
        std::vector<int>().at(3);
    } catch (...) {
        std::cout << "caught something\n";
    }

    std::auto_ptr<Shape> shapes[2] = {std::auto_ptr<Shape>(new Square(1.5)), std::auto_ptr<Shape>(new Circle(2))};
    for (int i = 0; i < 2; ++i)
        std::cout << std::fixed << std::setprecision(2) << shapes[i]->area() << ' '
                  << (dynamic_cast<Circle *>(shapes[i].get()) ? "round" : "square") << '\n';
    try {
        std::cout << dynamic_cast<Square &>(*shapes[1]).side;
    } catch (const std::bad_cast &) {
        std::cout << "no square\n";
    }

    int numbers[] = {5, 3, 9, 1};
    std::sort(numbers, numbers + 4);
    std::cout << numbers[0] << numbers[1] << numbers[2] << numbers[3] << ' ' << Factorial<10>::value << '\n';
    std::wostringstream wide;
    wide << L"wide " << 42;
    std::cout << wide.str().size() << std::endl;
    return 0;
}
